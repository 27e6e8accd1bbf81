package reports

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// steadyZip writes an archive whose bytes depend on its files alone: in the
// order of their names, the list of types first, without times. Files are kept
// packed until the end.
type steadyZip struct {
	w     io.Writer
	files []*packed
}

type packed struct {
	name string
	body bytes.Buffer
	pack *flate.Writer
	sum  hash.Hash32
	size uint64
}

func newSteadyZip(w io.Writer) *steadyZip { return &steadyZip{w: w} }

// Create begins a file; it ends with the next one.
func (z *steadyZip) Create(name string) (io.Writer, error) {
	if err := z.end(); err != nil {
		return nil, err
	}
	f := &packed{name: name, sum: crc32.NewIEEE()}
	var err error
	if f.pack, err = flate.NewWriter(&f.body, flate.DefaultCompression); err != nil {
		return nil, err
	}
	z.files = append(z.files, f)
	return f, nil
}

func (f *packed) Write(b []byte) (int, error) {
	f.size += uint64(len(b))
	f.sum.Write(b)
	return f.pack.Write(b)
}

func (z *steadyZip) end() error {
	if len(z.files) == 0 {
		return nil
	}
	f := z.files[len(z.files)-1]
	if f.pack == nil {
		return nil
	}
	err := f.pack.Close()
	f.pack = nil
	return err
}

// AddFS is not needed for a workbook.
func (z *steadyZip) AddFS(fs.FS) error { return errors.ErrUnsupported }

// Close writes the archive.
func (z *steadyZip) Close() error {
	if err := z.end(); err != nil {
		return err
	}
	const first = "[Content_Types].xml"
	slices.SortFunc(z.files, func(a, b *packed) int {
		if a.name == first || b.name == first {
			return map[bool]int{true: -1, false: 1}[a.name == first]
		}
		return strings.Compare(a.name, b.name)
	})
	out := zip.NewWriter(z.w)
	for _, f := range z.files {
		w, err := out.CreateRaw(&zip.FileHeader{
			Name: f.name, Method: zip.Deflate, CRC32: f.sum.Sum32(), CompressedSize64: uint64(f.body.Len()), UncompressedSize64: f.size,
		})
		if err != nil {
			return err
		}
		if _, err := f.body.WriteTo(w); err != nil {
			return err
		}
	}
	return out.Close()
}
