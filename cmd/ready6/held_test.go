package main

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ready6/inventory"
	"ready6/probes/dial"
	"ready6/probes/verdict"
	"ready6/scanner"
)

// Where all names are one operator's, whose servers are asked 20 questions a second,
// no more names are begun than get their turn within the time for one service.
func TestPacedNamesAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &setup{meter: &dial.Meter{}}
		pace := dial.NewPace(dial.Rates{PerAddress: 20}, s.meter)
		probe := func(ctx context.Context, _ string, _ inventory.Service) verdict.Record {
			for range 3 {
				turn, err := pace.Turn(ctx, netip.MustParseAddr("192.0.2.1"))
				if err != nil {
					return verdict.Record{}
				}
				time.Sleep(5 * time.Millisecond)
				turn.Done(dial.Heard)
			}
			return verdict.Record{Results: []verdict.Result{{Check: verdict.AAAA, Reason: "aaaa.present"}}}
		}
		names := func(yield func(inventory.Agency, inventory.Service) bool) {
			for i := range 1500 {
				if !yield(inventory.Agency{}, inventory.Service{Kind: "web", Port: uint16(i)}) {
					return
				}
			}
		}
		cut := 0
		err := scanner.Scan{Probe: probe, Checks: []verdict.Check{verdict.AAAA}, Workers: 64, Waiting: waitingForDNS, Held: s.held(64), HostTimeout: 90 * time.Second}.
			Run(t.Context(), names, func(rec verdict.Record, _ scanner.End) error {
				if rec.Results[0].Reason != "aaaa.present" {
					cut++
				}
				return nil
			})
		if err != nil || cut > 0 {
			t.Errorf("%d of 1500 not measured: %v", cut, err)
		}
	})
}

// What waits for the network leaves room for more, what waits for a processor does not.
func TestCrowded(t *testing.T) {
	eventually := func(want bool) bool {
		for range 1000 {
			if crowded() == want {
				return true
			}
			time.Sleep(time.Millisecond)
		}
		return false
	}
	over := make(chan struct{})
	var wg sync.WaitGroup
	const many = 1000 // beyond what is allowed on any machine of up to 60 processors
	for range many {
		wg.Go(func() { <-over }) // as for a reply
	}
	if !eventually(false) {
		t.Error("crowded though nothing has anything to do")
	}
	var stop atomic.Bool
	for range many {
		wg.Go(func() {
			for !stop.Load() {
				runtime.Gosched()
			}
		})
	}
	if runtime.GOMAXPROCS(0) <= 60 && !eventually(true) {
		t.Error("not crowded though a thousand goroutines are ready to run")
	}
	stop.Store(true)
	close(over)
	wg.Wait()
	if !eventually(false) {
		t.Error("still crowded when all is done")
	}
}
