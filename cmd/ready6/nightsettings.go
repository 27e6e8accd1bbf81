package main

import (
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on machines that have no data base of them, too

	"ready6/scanner/nightly"
	"ready6/scanner/notify"
)

// nightSettings are the settings of the nightly scan, and of what is told after
// a run.
var nightSettings = []setting{
	{"nightly-at", "02:00", "time of day of the nightly scan"},
	{"zone", "Asia/Ho_Chi_Minh", "time zone of nightly-at"},
	{"jitter", 10 * time.Minute, "delay the nightly scan by a part of this, another one each night; 0: not at all"},
	{"catch-up", 12 * time.Hour, "how late a missed nightly scan is still caught up; 0: never"},
	{"at-once", false, "scan when the nightly process begins, too"},
	{"webhook", "", "address that is told of each run by an HTTP POST of JSON"},
	{"webhook-secret-file", "", "file with the secret that signs what the webhook gets"},
	{"webhook-secret", "", "the secret itself; in the environment only"},
	{"mail-server", "", "mail server (host:port) that takes the digests of what changed"},
	{"mail-tls", notify.StartTLS, "how the mail server is spoken to: starttls, implicit (from the first byte), or none"},
	{"mail-user", "", "user at the mail server; default: none"},
	{"mail-password-file", "", "file with that user's password"},
	{"mail-password", "", "the password itself; in the environment only"},
	{"mail-from", "", "sender of the mails"},
	{"mail-operator", []string(nil), "addresses that get the digest of all agencies, and are told of runs that are not published"},
	{"mail-lang", "vi", "language of the mails: vi or en"},
	{"mail-unchanged", false, "send a digest where nothing changed, too"},
	{"metrics-file", "", "text file for Prometheus' node_exporter, such as /var/lib/prometheus/node-exporter/ready6.prom"},
}

// telling are the settings of what is told after a run.
var telling = []string{"webhook", "webhook-secret-file", "mail-server", "mail-tls", "mail-user", "mail-password-file", "mail-from", "mail-operator",
	"mail-lang", "mail-unchanged", "metrics-file"}

// secrets are never flags, which other users see, nor lines of a file that is
// made to be shown to others.
var secrets = []string{"webhook-secret", "mail-password"}

// mayBeZero are the durations that 0 switches off.
var mayBeZero = []string{"jitter", "catch-up"}

// maxJitter keeps each day's scan before the next one's.
const maxJitter = 12 * time.Hour

// checkNight finds what cannot be used among nightSettings.
func (c config) checkNight() (faults []error) {
	bad := func(form string, a ...any) { faults = append(faults, fmt.Errorf(form, a...)) }
	if _, _, err := nightly.ParseTime(c.text("nightly-at")); err != nil {
		bad("nightly-at: %w; in a YAML file it needs quotes", err)
	}
	if _, err := time.LoadLocation(c.text("zone")); err != nil || c.text("zone") == "" || c.text("zone") == "Local" {
		bad("zone: %q is not a time zone such as Asia/Ho_Chi_Minh", c.text("zone"))
	}
	if c.duration("jitter") > maxJitter {
		bad("jitter: %s is more than %s", c.duration("jitter"), maxJitter)
	}
	if tls := c.text("mail-tls"); !slices.Contains([]string{notify.StartTLS, notify.Implicit, notify.NoTLS}, tls) {
		bad("mail-tls: %q is not one of starttls, implicit, none", tls)
	}
	if l := c.text("mail-lang"); l != "vi" && l != "en" {
		bad("mail-lang: %q is not one of vi, en", l)
	}
	for _, a := range c.list("mail-operator") {
		if p, err := mail.ParseAddress(a); err != nil || p.Name != "" {
			bad("mail-operator: %q is not a mail address, without a name", a)
		}
	}
	if c.text("mail-server") != "" && c.text("mail-from") == "" {
		bad("mail-from: the mails of mail-server need a sender")
	}
	for _, name := range []string{"webhook-secret", "mail-password"} {
		if c.text(name) != "" && c.text(name+"-file") != "" {
			bad("%s: is given as a file, too; one of the two is enough", name)
		}
	}
	return faults
}

// schedule is when the nights' scans are due.
func schedule(c config) nightly.Schedule {
	hour, minute, _ := nightly.ParseTime(c.text("nightly-at")) // all checked by load
	zone, _ := time.LoadLocation(c.text("zone"))
	return nightly.Schedule{
		Hour: hour, Minute: minute, Zone: zone, Jitter: c.duration("jitter"), Late: c.duration("catch-up"), Seed: vantageName(c) + " " + storePath(c),
	}
}

// secret reads a secret from its file, or takes it from the environment.
func (c config) secret(name string) (string, error) {
	path := c.text(name + "-file")
	if path == "" {
		return c.text(name), nil
	}
	b, err := readFile(path)
	if err != nil {
		return "", fmt.Errorf("%s-file: %w", name, err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return "", fmt.Errorf("%s-file: %s is empty", name, path)
	}
	return s, nil
}

// told is where somebody is to be told of a run, empty for nowhere. What file and
// environment set up is for scans of the inventory: a trial in the lab or a list of
// names is told only where the command line says so.
func (c config) told(name string) string {
	if trial := c.typed["lab"] || c.text("names") != ""; trial && !c.typed[name] {
		return ""
	}
	return c.text(name)
}

// ways are the ways out that are set up, by name; all that is wrong with them is
// told at once.
func ways(c config, set *setup) (map[string]notify.Way, error) {
	cas, err := set.authorities(c)
	if err != nil {
		return nil, err
	}
	var faults []error
	list := map[string]notify.Way{}
	if address := c.told("webhook"); address != "" {
		secret, secretErr := c.secret("webhook-secret")
		hook, err := notify.NewWebhook(notify.WebhookConfig{URL: address, Secret: secret, Agent: userAgent(c), Dial: set.relays(), CAs: cas})
		if err != nil {
			err = fmt.Errorf("webhook: %w", err)
		}
		faults = append(faults, secretErr, err)
		list[wayWebhook] = hook
	}
	if server := c.told("mail-server"); server != "" {
		password, secretErr := c.secret("mail-password")
		m, err := notify.NewMail(notify.MailConfig{Server: server, TLS: c.text("mail-tls"), User: c.text("mail-user"), Password: password,
			From: c.text("mail-from"), Dial: set.relays(), CAs: cas})
		if err != nil {
			err = fmt.Errorf("mail: %w", err)
		}
		faults = append(faults, secretErr, err)
		list[wayMail] = m
	}
	if path := c.told("metrics-file"); path != "" {
		list[wayMetrics] = notify.File{Path: path}
	}
	return list, wrapUsage(errors.Join(faults...))
}

// The names of the ways out, in messages of the outbox.
const (
	wayWebhook = "webhook"
	wayMail    = "mail"
	wayMetrics = "metrics"
)
