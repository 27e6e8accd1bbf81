package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// stageNames word the stages of a run's time.
var stageNames = map[dial.Stage]saying{
	dial.Asking:     {"name servers", "hỏi máy chủ tên miền"},
	dial.Connecting: {"connecting", "kết nối"},
	dial.Securing:   {"TLS handshakes", "bắt tay TLS"},
	dial.Exchanging: {"on open connections", "trên kết nối đã mở"},
	dial.Waiting:    {"waiting for a turn within the limits", "chờ đến lượt trong giới hạn"},
	dial.Pausing:    {"pauses before tries", "nghỉ trước khi thử lại"},
}

var (
	sayTimeAll = saying{"took %s: %d questions to name servers, %d connections, to %s addresses (most to %s: %d)",
		"hết %s: %d câu hỏi tới máy chủ tên miền, %d kết nối, tới %s địa chỉ (nhiều nhất tới %s: %d)"}
	sayTimeWent   = saying{"time went into, added up over all services at once: %s", "thời gian (cộng dồn của các dịch vụ đo song song): %s"}
	sayTimeSlowed = saying{"asked more slowly since they showed limits or loss: %d addresses", "đã hỏi chậm lại do có giới hạn hoặc mất gói: %d địa chỉ"}
)

// timing is one paragraph on what a run sent and where its time went.
func (s *setup) timing(took time.Duration, l verdict.Lang) string {
	questions, _ := s.meter.Spent(dial.Asking)
	connections, _ := s.meter.Spent(dial.Connecting)
	n, more, busiest, most := s.meter.Peers()
	if n == 0 {
		return ""
	}
	addresses := fmt.Sprint(n)
	if more {
		addresses += "+"
	}
	lines := []string{fmt.Sprintf(sayTimeAll.in(l), round(took), questions, connections, addresses, busiest, most)}
	var parts []string
	for _, stage := range dial.Stages() {
		if times, took := s.meter.Spent(stage); times > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", stageNames[stage].in(l), round(took)))
		}
	}
	lines = append(lines, fmt.Sprintf(sayTimeWent.in(l), strings.Join(parts, ", ")))
	if slowed := s.pace.Slowed(); slowed > 0 {
		lines = append(lines, fmt.Sprintf(sayTimeSlowed.in(l), slowed))
	}
	return strings.Join(lines, "\n")
}

// logTiming is timing as one line of the log.
func (s *setup) logTiming(l *zerolog.Logger, took time.Duration) {
	n, _, busiest, most := s.meter.Peers()
	line := l.Info().Dur("took", took).Int("addresses", n).Stringer("busiest", busiest).Int("most", most).Int("slowed", s.pace.Slowed())
	for _, stage := range dial.Stages() {
		times, took := s.meter.Spent(stage)
		line = line.Int(stage.String()+"_count", times).Dur(stage.String()+"_time", took)
	}
	line.Msg("sent, and where the time went")
}

// round keeps three figures or so.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Minute:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
