package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ready6/probes/verdict"
	"ready6/reports"
)

// scanFormats are what every scan writes: what is read the next morning. The
// documents of a period are written by report.
var scanFormats = []string{"html", "json", "csv", "csv-resources", "csv-hosting"}

// forms are the forms that a report can have as a file: those of reports, the
// Word document by the office's own template where one is set, and PDF.
func forms(ctx context.Context, template string) ([]reports.Format, error) {
	write := reports.WriteDOCX
	if template != "" {
		body, err := os.ReadFile(template)
		if err != nil {
			return nil, usagef("template: %w; ready6 report template writes one to begin with", err)
		}
		write = func(w io.Writer, r reports.Report, l verdict.Lang) error { return reports.FillDOCX(w, body, r, l) }
	}
	var list []reports.Format
	for _, f := range reports.Formats {
		if f.Name == "docx" {
			f.Write = write
		}
		list = append(list, f)
	}
	return append(list, reports.Format{Name: pdfForm, Ext: ".pdf", Worded: true, Write: func(w io.Writer, r reports.Report, l verdict.Lang) error {
		return writePDF(ctx, w, r, l, write)
	}}), nil
}

// pdfForm is written only when it is asked for: it takes LibreOffice.
const pdfForm = "pdf"

var errNoOffice = errors.New("pdf: LibreOffice is not installed: neither soffice nor libreoffice is in PATH; " +
	"install it (Debian: apt-get install libreoffice-writer), or turn the docx report into PDF with a word processor")

// writePDF lets LibreOffice turn the Word document into PDF, in a folder and with
// settings of its own.
func writePDF(ctx context.Context, w io.Writer, r reports.Report, l verdict.Lang, docx func(io.Writer, reports.Report, verdict.Lang) error) error {
	office, err := exec.LookPath("soffice")
	if err != nil {
		if office, err = exec.LookPath("libreoffice"); err != nil {
			return errNoOffice
		}
	}
	dir, err := os.MkdirTemp("", "ready6-pdf-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	from := filepath.Join(dir, "report.docx")
	if err := writeWhole(from, func(w io.Writer) error { return docx(w, r, l) }); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, office, "--headless", "--norestore", "-env:UserInstallation=file://"+filepath.Join(dir, "profile"), "--convert-to", "pdf", "--outdir", dir, from)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.At.Unix(), 10))
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("pdf: %s: %w: %s", office, err, reports.Clean(strings.TrimSpace(string(said))))
	}
	body, err := os.ReadFile(filepath.Join(dir, "report.pdf"))
	if err != nil {
		return fmt.Errorf("pdf: %s made none: %s", office, reports.Clean(strings.TrimSpace(string(said))))
	}
	_, err = w.Write(body)
	return err
}

// templateCommand writes the built-in Word template for an office to edit.
func templateCommand(s streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "template --output FILE.docx",
		Short: "Write the Word template of the progress report, for an office to edit",
		Long: `template writes the built-in template of the progress report, a Word document in
the form of Nghị định 30/2020/NĐ-CP. Names in double braces are filled in when a
report is written with --template FILE:

  {{period}}            a value
  {{targets.name}}      a value of each item of a list: the table row that has it,
                        or the paragraph outside a table, is repeated
  {{if exemptions}} … {{else}} … {{end}}   and {{each sheets}} … {{end}}, each in a
                        paragraph of its own
  {{picture stack}}     a picture, in a paragraph of its own

Everything else, words, styles, margins, headers, columns, may be changed freely.
A name that there is not is told with the sentence in which it stands.`,
		Example: "  ready6 report template --lang vi --output mau-bao-cao.docx\n  ready6 report --period 2026-Q3 --format docx --template mau-bao-cao.docx",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, s)
			if err != nil {
				return err
			}
			if output == "" {
				return usagef("output: name the file to write, such as --output report.docx")
			}
			if _, err := os.Stat(output); err == nil {
				return usagef("output: %s is there already and may have been edited; name another file", output)
			}
			return wrapFailed(writeWhole(output, func(w io.Writer) error {
				_, err := w.Write(reports.DOCXTemplate(cfg.lang()))
				return err
			}))
		},
	}
	c.Flags().StringVar(&output, "output", "", "file to write")
	return withSettings(c, "lang")
}

// schemaCommand prints what programs that read the reports rely on.
func schemaCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:       "schema [json|tables]",
		Short:     "Print the schema of the JSON report, or of the tables in CSV files and workbooks",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"json", "tables"},
		RunE: func(_ *cobra.Command, args []string) error {
			text := reports.ReportSchema()
			if len(args) == 1 && args[0] == "tables" {
				text = reports.TableSchema()
			}
			_, err := io.WriteString(s.out, text)
			return wrapFailed(err)
		},
	}
}
