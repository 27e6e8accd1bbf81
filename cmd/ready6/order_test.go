package main

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"ready6/inventory"
)

func manyServices(agencies, each int) inventory.Inventory {
	var inv inventory.Inventory
	for a := range agencies {
		x := inventory.Agency{ID: fmt.Sprint("a", a)}
		for s := range each {
			x.Services = append(x.Services, inventory.Service{Host: fmt.Sprintf("h%d.a%d.vn", s, a), Kind: "web"})
		}
		inv.Agencies = append(inv.Agencies, x)
	}
	return inv
}

// TestShuffled protects the count (each service once), the seed's promise (same
// seed, same order) and its purpose: no agency's services come in a row.
func TestShuffled(t *testing.T) {
	inv := manyServices(50, 40)
	read := func(seed uint64) (hosts []string, longest int) {
		last, row := "", 0
		for a, s := range shuffled(inv, seed) {
			if hosts = append(hosts, s.Host); a.ID != last {
				last, row = a.ID, 0
			}
			row++
			longest = max(longest, row)
		}
		return hosts, longest
	}
	first, longest := read(7)
	again, _ := read(7)
	other, _ := read(8)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Error("the order does not hang on the seed")
	}
	if longest > 6 {
		t.Errorf("%d services of one agency in a row", longest)
	}
	slices.Sort(first)
	if n := len(slices.Compact(first)); n != 2000 {
		t.Errorf("%d different services of 2000", n)
	}
	for range shuffled(inv, 1) {
		break // ends early without complaint
	}
}

// TestKeptSeed: a run that is gone on with keeps its order.
func TestKeptSeed(t *testing.T) {
	set := &setup{}
	set.source(orderSource, "77", time.Time{}, 0)
	if got := keptSeed(set.sources, 5); got != 77 {
		t.Errorf("kept %d", got)
	}
	if got := keptSeed(nil, 5); got != 5 {
		t.Errorf("fresh %d", got)
	}
}

// TestShuffledMemory: an order of a hundred thousand services is no copy of them.
func TestShuffledMemory(t *testing.T) {
	inv := manyServices(100, 1000)
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range shuffled(inv, 1) {
		runtime.GC()
		runtime.ReadMemStats(&during)
		break
	}
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("%d bytes for the order", grown)
	}
	runtime.KeepAlive(inv)
}
