package history

// Comparable lists those of runs that run to can be compared with, in their
// order: complete ones before it, of the same kind, that were asked for at
// least the same checks.
func Comparable(runs []Header, to Header) []Header {
	var list []Header
	for _, h := range runs {
		if h.Status == Complete && h.Kind == to.Kind && h.ID < to.ID && covers(h, to) {
			list = append(list, h)
		}
	}
	return list
}
