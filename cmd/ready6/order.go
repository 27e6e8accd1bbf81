package main

import (
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"

	"ready6/inventory"
	"ready6/scanner/history"
)

// seed is the number that the order of the services hangs on: the operator's, or
// one of this run alone.
func seed(c config) uint64 {
	if n, err := strconv.ParseUint(c.text("seed"), 10, 64); err == nil {
		return n
	}
	return rand.Uint64() >> 32 // short enough to be typed again
}

// orderSource is the name under which a run keeps its seed.
const orderSource = "order"

// keptSeed is the seed of a run that is gone on with, or else fresh.
func keptSeed(sources []history.SourceInfo, fresh uint64) uint64 {
	for _, s := range sources {
		if text, ok := strings.CutPrefix(s.Name, orderSource+": "); ok {
			if n, err := strconv.ParseUint(text, 10, 64); err == nil {
				return n
			}
		}
	}
	return fresh
}

// shuffled yields every service of an inventory once, in an order that hangs on
// seed alone, so that no agency and no network gets its questions all at once. It
// takes 8 bytes a service.
func shuffled(inv inventory.Inventory, seed uint64) iter.Seq2[inventory.Agency, inventory.Service] {
	return func(yield func(inventory.Agency, inventory.Service) bool) {
		type place struct{ agency, service uint32 }
		var places []place
		for a := range inv.Agencies {
			for s := range inv.Agencies[a].Services {
				places = append(places, place{uint32(a), uint32(s)})
			}
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		rng.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
		for _, p := range places {
			a := inv.Agencies[p.agency]
			if !yield(a, a.Services[p.service]) {
				return
			}
		}
	}
}
