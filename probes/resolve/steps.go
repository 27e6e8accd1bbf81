package resolve

// The steps say whether a target is due for a try, and note that it is made.

func firstTry(t *target) (how, bool) {
	if t.udp > 0 || t.tcp {
		return how{}, false
	}
	h := t.srv.manner()
	t.tcp = h.tcp
	if !h.tcp {
		t.udp = 1
	}
	return h, true
}

func otherTransport(t *target) (how, bool) {
	switch {
	case t.wantTCP && !t.tcp:
		t.tcp = true
		return overTCPNow(t), true
	case t.tcp && t.udp == 0 && t.open == 0: // TCP was the first try
		t.udp = 1
		return t.srv.again(), true
	}
	return how{}, false
}

func secondTry(t *target) (how, bool) {
	if t.udp != 1 || t.tcp {
		return how{}, false
	}
	t.udp = 2
	return t.srv.again(), true
}

func overTCPAfterSilence(t *target) (how, bool) {
	if t.udp < 2 || t.tcp {
		return how{}, false
	}
	t.tcp = true
	return overTCPNow(t), true
}

func overTCPNow(t *target) how {
	h := t.srv.again()
	h.tcp = true
	return h
}

// withoutEDNS is for servers behind something that drops what it does not know.
func withoutEDNS(t *target) (how, bool) {
	if !t.tcp || t.bare || t.silent < 2 || t.srv.knowsEDNS() || !t.srv.manner().edns {
		return how{}, false
	}
	t.bare = true
	return how{}, true
}

// lastTry is for a server behind a lossy path: five tries in all.
func lastTry(t *target) (how, bool) {
	if t.udp != 2 || !t.tcp || t.silent == 0 {
		return how{}, false
	}
	t.udp = 3
	return t.srv.again(), true
}
