package main

import (
	"context"
	"net/netip"
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
