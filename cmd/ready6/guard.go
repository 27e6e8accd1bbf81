package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ready6/probes/rpki"
	"ready6/scanner/history"
)

// guardLasts is how long VRPs that have become fewer are a fault of the data;
// after it they are what the RPKI is now.
const guardLasts = 7 * 24 * time.Hour

const shrunkReason = "vantage.data-shrunk"

// guard compares the VRPs with those of an earlier run. Where more than a fifth
// under one trust anchor is gone, the source is at fault rather than everybody
// who had a ROA: states that a missing VRP could change become unknown.
func (j *job) guard(ctx context.Context) error {
	i := slices.IndexFunc(j.set.sources, isVRPs)
	if j.store == nil || i < 0 || j.set.config.VRPs == nil {
		return nil
	}
	runs, err := j.store.Runs(ctx)
	if err != nil {
		return failed(err)
	}
	before, ok := baseline(runs, j.kind, j.set.clock(j.cfg)())
	if !ok {
		return nil
	}
	tas, said := shrunk(before.source, j.set.sources[i])
	if len(tas) == 0 {
		return nil
	}
	j.set.config.VRPs = j.set.config.VRPs.Doubt(tas...)
	for i := range j.set.config.Data {
		if d := &j.set.config.Data[i]; d.Kind == "VRPs" {
			d.Shrunk = fmt.Sprintf("%s, since run %d", strings.Join(said, ", "), before.id)
		}
	}
	return nil
}

func isVRPs(s history.SourceInfo) bool { return strings.HasPrefix(s.Name, "VRPs: ") }

// reference is the VRP source of a run that can be compared with.
type reference struct {
	id     int64
	source history.SourceInfo
}

// baseline finds, among runs newest first, the last whose VRPs had not shrunk
// themselves: nothing less shows that they are back. Runs in the lab and runs
// outside of it are not compared.
func baseline(runs []history.Header, kind string, now time.Time) (reference, bool) {
	for _, h := range runs {
		i := slices.IndexFunc(h.Sources, isVRPs)
		if i < 0 || h.Sources[i].Count == 0 || (h.Kind == "lab") != (kind == "lab") {
			continue
		}
		marked := false
		for _, r := range h.Preflight {
			marked = marked || r.Reason == shrunkReason
		}
		if !marked || now.Sub(h.Started) > guardLasts {
			return reference{h.ID, h.Sources[i]}, true
		}
	}
	return reference{}, false
}

// shrunk names the trust anchors under which more than a fifth is gone, "" where
// one of the sources does not tell them and the total has fallen.
func shrunk(before, now history.SourceInfo) (tas, said []string) {
	was, is := before.Counts, now.Counts
	if was == nil || is == nil {
		was, is = map[string]int{"": before.Count}, map[string]int{"": now.Count}
	}
	for _, ta := range slices.Sorted(maps.Keys(was)) {
		if !rpki.Advisory(ta) && 5*is[ta] < 4*was[ta] {
			tas = append(tas, ta)
			said = append(said, fmt.Sprintf("%s: %d → %d (%+d %%)", cmp.Or(ta, "all"), was[ta], is[ta], (is[ta]-was[ta])*100/was[ta]))
		}
	}
	return tas, said
}
