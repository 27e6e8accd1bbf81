package probes_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ready6/probes/dial"
	"ready6/probes/lab"
)

// TestClosureWorlds protects the breadth of what TestWorlds goes through: each
// of these worlds breaks one link of a dependency closure.
func TestClosureWorlds(t *testing.T) {
	var named []string
	for _, name := range lab.Worlds() {
		for _, area := range []string{"closure-", "level-2-", "level-3-", "ns-", "name-", "nat64-", "internal-"} {
			if strings.HasPrefix(name, area) {
				named = append(named, name)
			}
		}
	}
	if len(named) < 60 {
		t.Errorf("%d worlds about the closure, 60 are wanted: %v", len(named), named)
	}
	for _, must := range []string{"ns-glue-dead", "ns-tcp-v4-only", "name-dname-v4-only", "name-chain-middle-v4-only", "nat64-known", "nat64-signed", "internal-host"} {
		if !slices.Contains(named, must) {
			t.Errorf("there is no world %s", must)
		}
	}
}

// The servers of zones that all depend on are asked once a run, however many
// services do: their operators know none of us.
func TestSharedZonesAreAskedOnce(t *testing.T) {
	w, err := lab.Open("province")
	if err != nil {
		t.Fatal(err)
	}
	opened := func(services int) (roots, measured int) {
		l, inv := started(t, w, lab.Options{})
		defer l.Close()
		hints := l.Hints()
		var mu sync.Mutex
		count := map[string]int{}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		env := environmentOver(t, ctx, l, inv, dial.Guard(func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, _, err := net.SplitHostPort(address); err == nil && strings.HasPrefix(network, "tcp") && strings.Contains(hints, host+"\n") {
				mu.Lock()
				count[address]++
				mu.Unlock()
			}
			return l.Dial(ctx, network, address)
		}, l.Allow()...))
		env.Preflight(ctx)
		for a, svc := range inv.All() {
			if measured++; measured > services {
				break
			}
			env.Service(ctx, a.ID, svc)
		}
		for _, n := range count {
			roots += n
		}
		return roots, min(measured, services)
	}
	one, _ := opened(1)
	all, n := opened(20)
	if one == 0 || n < 15 || all != one {
		t.Errorf("%d TCP connections to root servers for one service, %d for %d", one, all, n)
	}
}
