package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/spf13/viper"

	"ready6/probes/dial"
	"ready6/probes/verdict"
	"ready6/scanner"
)

// get fetches a page through a transport of its own.
func get(t *testing.T, url string) (string, error) {
	t.Helper()
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableKeepAlives: true}}
	r, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

// TestWatch: what the run counts is there to be read while it lasts, and no longer.
func TestWatch(t *testing.T) {
	v := viper.New()
	v.Set("debug-listen", "127.0.0.1:0")
	m := &dial.Meter{}
	set := &setup{meter: m, pace: dial.NewPace(dial.Rates{}, m)}
	w, err := newWatch(config{v: v}, set)
	if err != nil {
		t.Fatal(err)
	}
	turn, err := set.pace.Turn(context.Background(), netip.MustParseAddr("2001:db8::1"))
	if err != nil {
		t.Fatal(err)
	}
	turn.Done(dial.Heard)
	var p scanner.Progress
	p.Total, p.Done, p.Worst[verdict.Fail] = 12, 5, 3
	w.show(p)
	page, err := get(t, "http://"+w.at+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ready6_services_total 12\n", "ready6_services_done 5\n", `ready6_services_worst{outcome="fail"} 3`,
		`ready6_stage_count{stage="dns"} 1`, `ready6_stage_seconds{stage="wait"} 0`, "ready6_addresses 1\n", "ready6_addresses_slowed 0\n", "go_goroutines "} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page[:min(len(page), 3000)])
		}
	}
	if page, err = get(t, "http://"+w.at+"/debug/pprof/"); err != nil || !strings.Contains(page, "goroutine") {
		t.Errorf("profiles: %v", err)
	}
	w.close()
	if _, err := get(t, "http://"+w.at+"/metrics"); err == nil {
		t.Error("it goes on after the run")
	}
	if none, err := newWatch(config{v: viper.New()}, set); err != nil || none.at != "" {
		t.Errorf("without being asked: %q, %v", none.at, err)
	}
}
