package lab

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed worlds/*.txtar
var worldFiles embed.FS

// Worlds returns the names of the embedded worlds, sorted.
func Worlds() []string {
	entries, err := worldFiles.ReadDir("worlds")
	if err != nil {
		panic("lab: embedded worlds are missing: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return names
}

// Open parses an embedded world.
func Open(name string) (World, error) {
	data, err := worldFiles.ReadFile("worlds/" + name + ".txtar")
	if err != nil {
		return World{}, fmt.Errorf("lab: no world named %q", name)
	}
	w, err := Parse(data)
	w.Name = name
	if err != nil {
		return World{}, fmt.Errorf("lab: world %s: %w", name, err)
	}
	return w, nil
}

// Default returns the shipped province as a world: the agencies of the plan
// that exist today and more of their kind, with services at every level of the
// ladder and in every DNSSEC and route-origin state.
func Default() World {
	w, err := Open("province")
	if err != nil {
		panic(err) // embedded, and parsed by the tests
	}
	return w
}
