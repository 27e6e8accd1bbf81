package dnssec

// flight is the one look-up of a zone that all askers wait for.
type flight struct {
	done chan struct{} // one for all that have landed
	zone *zone         // nil if the one who looked was interrupted
}

// over is closed from the start.
var over = func() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}()

// land wakes those who wait for a look-up.
func (v *Validator) land(f *flight) {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(f.done)
	f.done = over
}

// landed returns the zone if it has been found, else nil; the validator's mu is held.
func (f *flight) landed() *zone {
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		return f.zone
	default:
		return nil
	}
}

func (v *Validator) forget(c name, f *flight) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, zones := range []map[name]*flight{v.zones, v.aged} {
		if zones[c] == f {
			delete(zones, c)
		}
	}
}

// find returns what is known of c, nil if nothing; v.mu is held.
func (v *Validator) find(c name) *flight {
	f := v.zones[c]
	if f == nil {
		if f = v.aged[c]; f != nil {
			delete(v.aged, c)
			v.keep(c, f)
		}
	}
	return f
}

// keep notes what is known of c. When as many zones are young as may be, those
// that were old already are forgotten; v.mu is held.
func (v *Validator) keep(c name, f *flight) {
	if len(v.zones) >= maxKeptZones {
		v.aged, v.zones = v.zones, make(map[name]*flight)
	}
	v.zones[c] = f
}

// known returns the deepest secure zone above c that has been validated.
func (v *Validator) known(c name) *zone {
	v.mu.Lock()
	defer v.mu.Unlock()
	for c != root {
		c = c.parent()
		if z := v.find(c).landed(); z != nil && z.state == Secure {
			return z
		}
	}
	return nil
}

// knows reports that the first of an answer's signers has been looked up, so that
// there is nothing to wait for before it is judged.
func (v *Validator) knows(signers []name) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(signers) > 0 && v.find(signers[0]).landed() != nil
}
