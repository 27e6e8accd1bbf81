package draw

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

type point struct{ x, y float64 }

type polyline struct {
	points []point
	closed bool
}

// parsePath flattens a path to lines.
func parsePath(d string) ([]polyline, error) {
	var out []polyline
	var cur []point
	end := func(closed bool) {
		if len(cur) > 0 {
			out = append(out, polyline{cur, closed})
			cur = nil
		}
	}
	at := point{}
	r := &pathReader{rest: d}
	for {
		command, ok := r.command()
		if !ok {
			break
		}
		from := point{}
		if command >= 'a' && command <= 'z' {
			from = at
		}
		if len(cur) == 0 && command|0x20 != 'm' {
			cur = []point{at} // after a Z the path goes on from where it began
		}
		switch command | 0x20 {
		case 'm':
			end(false)
			at = point{from.x + r.number(), from.y + r.number()}
			cur = []point{at}
		case 'l':
			at = point{from.x + r.number(), from.y + r.number()}
			cur = append(cur, at)
		case 'h':
			at.x = from.x + r.number()
			cur = append(cur, at)
		case 'v':
			at.y = from.y + r.number()
			cur = append(cur, at)
		case 'c':
			var p [3]point
			for i := range p {
				p[i] = point{from.x + r.number(), from.y + r.number()}
			}
			cur = append(cur, curve(at, p[0], p[1], p[2])...)
			at = p[2]
		case 'z':
			at = cur[0]
			end(true)
		default:
			return nil, fmt.Errorf("path %q: the command %q is not known", d, command)
		}
		if r.bad {
			return nil, fmt.Errorf("path %q: a number is wanted after %q", d, command)
		}
	}
	end(false)
	return out, nil
}

// pathReader reads commands and the numbers after them; a command that is
// followed by more numbers than it takes is given again.
type pathReader struct {
	rest string
	last byte
	bad  bool
}

func (r *pathReader) skip() { r.rest = strings.TrimLeft(r.rest, " ,\n\t") }

func (r *pathReader) command() (byte, bool) {
	r.skip()
	if r.rest == "" || r.bad {
		return 0, false
	}
	if c := r.rest[0]; c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
		r.rest, r.last = r.rest[1:], c
		return c, true
	}
	if r.last == 0 || r.last|0x20 == 'z' {
		return '?', true
	}
	if r.last|0x20 == 'm' { // more numbers after a move are lines
		return r.last - 'm' + 'l', true
	}
	return r.last, true
}

func (r *pathReader) number() float64 {
	r.skip()
	n := 0
	for n < len(r.rest) && (r.rest[n] >= '0' && r.rest[n] <= '9' || r.rest[n] == '.' || r.rest[n] == '-' && n == 0) {
		n++
	}
	v, err := strconv.ParseFloat(r.rest[:n], 64)
	if err != nil {
		r.bad = true
	}
	r.rest = r.rest[n:]
	return v
}

// curve flattens a cubic Bézier curve.
func curve(a, b, c, d point) []point {
	const steps = 24
	out := make([]point, 0, steps)
	for i := 1; i <= steps; i++ {
		t := float64(i) / steps
		u := 1 - t
		out = append(out, point{
			u*u*u*a.x + 3*u*u*t*b.x + 3*u*t*t*c.x + t*t*t*d.x,
			u*u*u*a.y + 3*u*u*t*b.y + 3*u*t*t*c.y + t*t*t*d.y,
		})
	}
	return out
}

// boxLines is a box with rounded corners as a closed line.
func boxLines(b box) []polyline {
	r := min(b.round, b.w/2, b.h/2)
	if r <= 0 {
		return []polyline{{[]point{{b.x, b.y}, {b.x + b.w, b.y}, {b.x + b.w, b.y + b.h}, {b.x, b.y + b.h}}, true}}
	}
	var l polyline
	l.closed = true
	for i, centre := range []point{{b.x + b.w - r, b.y + r}, {b.x + b.w - r, b.y + b.h - r}, {b.x + r, b.y + b.h - r}, {b.x + r, b.y + r}} {
		for j := range 9 {
			sin, cos := math.Sincos(float64(i-1)*math.Pi/2 + float64(j)*math.Pi/16)
			l.points = append(l.points, point{centre.x + r*cos, centre.y + r*sin})
		}
	}
	return []polyline{l}
}

// outline turns lines into the areas that a stroke along them covers: a box for
// each piece, and a round joint where pieces meet.
func outline(lines []polyline, s Style) []polyline {
	half := s.Width / 2
	if half <= 0 {
		half = 0.5
	}
	var out []polyline
	for _, l := range lines {
		points := l.points
		if l.closed {
			points = append(points[:len(points):len(points)], points[0])
		}
		for _, piece := range dashed(points, s.Dash) {
			for i := 1; i < len(piece); i++ {
				if q, ok := band(piece[i-1], piece[i], half); ok {
					out = append(out, q)
				}
				if half > 0.6 && (i < len(piece)-1 || s.Round || l.closed) {
					out = append(out, dot(piece[i], half))
				}
			}
			if s.Round && half > 0.6 && len(piece) > 0 {
				out = append(out, dot(piece[0], half))
			}
		}
	}
	return out
}

// band is the box around a straight piece, in the same turning sense as dot.
func band(a, b point, half float64) (polyline, bool) {
	dx, dy := b.x-a.x, b.y-a.y
	n := math.Hypot(dx, dy)
	if n == 0 {
		return polyline{}, false
	}
	ux, uy := dx/n*half, dy/n*half
	return polyline{[]point{{a.x + uy, a.y - ux}, {b.x + uy, b.y - ux}, {b.x - uy, b.y + ux}, {a.x - uy, a.y + ux}}, true}, true
}

func dot(at point, r float64) polyline {
	return boxLines(box{at.x - r, at.y - r, 2 * r, 2 * r, r})[0]
}

// dashed cuts a line into the pieces that are drawn.
func dashed(points []point, dash []float64) [][]point {
	total := 0.0
	for _, d := range dash {
		total += d
	}
	if total <= 0 || len(points) == 0 {
		return [][]point{points}
	}
	var out [][]point
	cur := []point{points[0]}
	i, left := 0, dash[0]
	for k := 1; k < len(points); k++ {
		a, b := points[k-1], points[k]
		n := math.Hypot(b.x-a.x, b.y-a.y)
		for done := 0.0; n-done > 1e-9; {
			step := min(left, n-done)
			done += step
			left -= step
			at := point{a.x + (b.x-a.x)*done/n, a.y + (b.y-a.y)*done/n}
			if i%2 == 0 {
				cur = append(cur, at)
			}
			if left > 1e-9 {
				continue
			}
			if i%2 == 0 {
				out = append(out, cur)
			}
			i++
			left = dash[i%len(dash)]
			cur = []point{at}
		}
	}
	if i%2 == 0 && len(cur) > 1 {
		out = append(out, cur)
	}
	return out
}

func bounds(lines []polyline) (left, top, right, bottom float64) {
	left, top, right, bottom = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l.points {
			left, top, right, bottom = min(left, p.x), min(top, p.y), max(right, p.x), max(bottom, p.y)
		}
	}
	if left > right {
		return 0, 0, 0, 0
	}
	return left, top, right, bottom
}
