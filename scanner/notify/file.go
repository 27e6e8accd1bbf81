package notify

import "context"

// File keeps the body of its latest message as a file, which readers see whole
// or not at all, such as a text file for Prometheus' node_exporter.
type File struct{ Path string }

// Deliver replaces the file.
func (f File) Deliver(_ context.Context, m Message) error {
	return save(f.Path, []byte(m.Body), 0o644)
}

// Rest does nothing.
func (File) Rest() {}
