package dial

import "time"

// How fast an address is asked. A server that limits its askers rarely lets fewer
// than slowest through, and one that only loses packets is worth patience, so that
// a lossy path does not take all night.
const (
	firstRate  = 2000.0 // questions a second to a server nothing is known of
	growth     = 4      // a round, while nothing goes wrong
	fastest    = 1e6    // where nobody set a limit
	slowest    = 2.0    // where it pushed back
	patient    = 10.0   // where there was only silence
	roundTime  = 50 * time.Millisecond
	roundLeast = 8                      // outcomes that a round takes at least
	tolerated  = 8                      // one in so many may go wrong without meaning anything
	steps      = 20.0                   // from nothing back to the rate at which it was pushed back
	clean      = 24                     // rounds in a row after which that limit is taken to be gone
	burst      = 100 * time.Millisecond // of questions saved up by who was not asked
)

// bucket lets questions through one gap apart, and a few at once after a pause.
type bucket struct{ next time.Time }

func gap(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }

// take returns when the next may go.
func (b *bucket) take(now time.Time, rate float64) time.Time {
	if from := now.Add(-burst); b.next.Before(from) {
		b.next = from
	}
	at := b.next
	b.next = at.Add(gap(rate))
	if at.Before(now) {
		return now
	}
	return at
}

func (b *bucket) giveBack(rate float64) { b.next = b.next.Add(-gap(rate)) }

// lane is the pace at one address: additive increase, multiplicative decrease,
// decided once a round. A round without enough outcomes goes on.
type lane struct {
	bucket
	rate, most float64 // questions a second: now, and at most
	ceiling    float64 // the rate when it was last pushed back; 0: never
	heard      bool    // it has answered at all: silence of who never did is no matter of pace
	answers    int     // ever, and how often there was none
	silences   int
	cuts       int // what left before the last one does not cause another
	clean      int // rounds since

	began             time.Time // of the round
	good, silent, bad int
	waited            bool // somebody had to: the pace was what held
}

// note takes an outcome into the round; true if it led to a cut.
func (l *lane) note(now time.Time, e Echo, cuts int) bool {
	switch {
	case e == Heard || e == Pushed:
		l.answers++
	case e == Silence && l.heard:
		l.silences++
	}
	switch {
	case e == Void, e == Silence && !l.heard, e != Heard && cuts != l.cuts:
		return false
	case e == Heard:
		l.heard = true
		l.good++
	case e == Silence:
		l.silent++
	default:
		l.bad++
	}
	length := now.Sub(l.began)
	n := l.good + l.silent + l.bad
	if n < roundLeast || length < roundTime {
		return false
	}
	cut := (l.silent+l.bad)*tolerated > n
	switch {
	case cut:
		l.cut(now, float64(n)/length.Seconds())
	case l.waited && (l.ceiling == 0 || l.clean >= clean):
		l.rate *= growth
	case l.waited:
		l.rate += max(1, l.ceiling/steps)
	}
	l.clean++
	l.rate = min(l.rate, l.most)
	l.began, l.good, l.silent, l.bad, l.waited = now, 0, 0, 0, false
	return cut
}

// cut halves the pace: of what was really sent, where that was less than allowed.
// Whoever waits for a time that the old pace set, has to come again.
func (l *lane) cut(now time.Time, sent float64) {
	least := patient
	if l.bad > 0 {
		least = slowest
	}
	l.ceiling = min(l.rate, sent)
	l.rate = min(l.rate, max(least, l.ceiling/2))
	l.cuts++
	l.clean, l.next = 0, now.Add(gap(l.rate))
}
