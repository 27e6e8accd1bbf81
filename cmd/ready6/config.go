package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"ready6/probes"
	"ready6/probes/verdict"
	"ready6/reports"
)

// setting is one thing an operator can set, by flag, environment or file. Its
// default gives its type: string, int, bool, duration or list.
type setting struct {
	name  string
	value any
	usage string
}

// settings is the whole table. A name means the same in every command.
var settings = append([]setting{
	{"inventory", "", "inventory file (YAML); default: inventory.yaml if it is there"},
	{"plan-file", "", "plan file (YAML) with programmes and targets; default: the province's plan"},
	{"plan", false, "print what would be sent to whom, and send nothing"},
	{"names", "", "scan the host names of this file, one a line, instead of an inventory; - for standard input"},
	{"lab", false, "scan the built-in test Internet: no network, nothing to set up"},
	{"world", provinceWorld, "the lab's world (see: ready6 lab --list)"},
	{"only", []string(nil), "only these checks: aaaa, reach, dnssec, posture, rpki, closure, mail, reverse"},
	{"root-hints", "", "root servers in named.root form; default: the built-in list"},
	{"trust-anchor", "", "DS or DNSKEY records in zone-file form; default: the built-in root anchors"},
	{"vrps", []string(nil), "validated ROA payloads: a JSON or CSV file, rtr://HOST:PORT, or rtrs://HOST:PORT (TLS); of several, the first with fresh data is used"},
	{"vrps-max-age", 24 * time.Hour, "age from which VRPs back no verdict"},
	{"routes", []string(nil), "routes: MRT TABLE_DUMP_V2 files or riswhois dumps (plain, gzip, bzip2); several are taken together"},
	{"routes-max-age", 7 * 24 * time.Hour, "age from which routes are stale and nothing is judged by them"},
	{"min-peers", 10, "routes seen by fewer peers, and by less than 2 % of them, do not decide"},
	{"ca", "", "PEM file with the certificate authorities to trust; default: the system's"},
	{"allow", []string(nil), "special-purpose address space that may be contacted (CIDR, repeatable)"},
	{"out", "ready6-out", "folder for reports and history"},
	{"store", "", "history file; default: history.db in the output folder"},
	{"signatures", "", "file that remembers which DNSSEC signatures were found good, so that the next run need not check them by cryptography again; default: signatures.cache beside the history, if there is one"},
	{"lang", "", "language of output: vi or en; default: from LC_ALL, LC_MESSAGES or LANG"},
	{"format", "", "form of the output"},
	{"workers", 64, "services measured at once; with --only aaaa,dnssec by default up to 1216 more, as long as all of them only wait for name servers"},
	{"per-address", 4, "connections open at once to one address"},
	{"per-network", 64, "connections open at once to one network (a /24 of IPv4, a /48 of IPv6)"},
	{"connections", 512, "connections open at once in all"},
	{"queries-per-address", 20000, "DNS questions a second to one server address at most; each is asked as fast as it is seen to take, see README"},
	{"queries-per-network", 40000, "DNS questions a second to one network at most"},
	{"queries", 60000, "DNS questions a second in all at most"},
	{"opt-out", "", "file with names (and all below them), addresses and CIDRs that are never contacted, one a line"},
	{"seed", "", "order in which services are measured: the same number gives the same order; default: another one each time"},
	{"step-timeout", 5 * time.Second, "longest wait for one connect, handshake, reply or DNS answer"},
	{"host-timeout", 90 * time.Second, "longest time for one service"},
	{"lead-time", 72 * time.Hour, "warn of signatures that expire within this time"},
	{"run-timeout", 6 * time.Hour, "longest time for the whole run"},
	{"resume", false, "go on with the last run of this history, which was interrupted or crashed less than a day ago"},
	{"retests", 2, "further looks in the same run at a service that failed or got worse; 0: none, one look is final"},
	{"retest-after", 2 * time.Minute, "wait before such a look, doubled for the next; default with --names or --format jsonl 5s, in the lab 200ms"},
	{"canaries-every", 10 * time.Minute, "how often the scanner proves its own connection during a run; besides at half of it and at its end"},
	{"vantage", "", "name of the place measured from; default: the host name"},
	{"vantage-internal", false, "this place may see the hosts that the inventory calls internal; else they are not measured"},
	{"nat64", []string(nil), "prefixes of the NAT64 of this network (CIDR, repeatable): addresses in them are not native IPv6"},
	{"fail-on", []string(nil), "exit with 3 on: fail, warn, unknown, bogus, invalid, below=LEVEL"},
	{"keep", []string(nil), "runs to keep: last=N, daily=N, weekly=N, monthly=N"},
	{"log-level", "info", "debug, info, warn or error"},
	{"log-format", "", "console or json; default: console on a terminal"},
	{"color", "auto", "auto, always or never"},
	{"contact", "", "web page or address shown in HTTP requests, for those who wonder who asks (a page to put there: ready6 contact-page)"},
	{"edns-contact", false, "put --contact into DNS questions as well (an EDNS option of the private range, 65432)"},
	{"helo-name", "", "host name to greet mail servers with; default: this machine's address"},
	{"debug-listen", "", "serve metrics (/metrics) and profiles (/debug/pprof/) on this loopback address, such as 127.0.0.1:6060"},
	{"at", "", "judge signatures at this time (RFC 3339) instead of now"},
	{"trace", false, "show every question to a name server and its answer: on standard error, with --format json in the object"},
	{"qname-minimisation", false, "ask each zone's servers only for as much of the name as they need (RFC 9156)"},
	{"closure", false, "print all that the service depends on as a tree; without it only the ways to what blocks"},
	{"browser", "", "ask a Chromium with IPv6 alone for its opinion of each web page: auto, or its path"},
	{"template", "", "Word document that an office has made its own template of the progress report (see: ready6 report template)"},
	{"period", "", "report this period: 2026-11, 2026-Q3, 2026-H1, 2026, or two days as 2026-06-15..2026-09-14"},
	{"period-day", reports.PeriodDay, "day, 1 to 28, on which a month's figures begin; 1: calendar months"},
	{"programme", []string(nil), "only these programmes of the plan, by their ids"},
	{"agency", []string(nil), "only these agencies, by their ids, and those below them"},
	{"as-it-was", false, "leave earlier results with the agencies of their own days, whatever became of these"},
	{"loopback", false, "lab: real sockets on loopback instead of memory"},
}, nightSettings...)

// config is the settings of one invocation.
type config struct {
	v     *viper.Viper
	given map[string]bool // set by somebody, not by default
	typed map[string]bool // set by a flag
}

// withSettings gives a command its flags, by name from the table.
func withSettings(c *cobra.Command, names ...string) *cobra.Command {
	for _, name := range names {
		i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
		s := settings[i]
		switch d := s.value.(type) {
		case string:
			c.Flags().String(s.name, d, s.usage)
		case int:
			c.Flags().Int(s.name, d, s.usage)
		case bool:
			c.Flags().Bool(s.name, d, s.usage)
		case time.Duration:
			c.Flags().Duration(s.name, d, s.usage)
		default:
			c.Flags().StringSlice(s.name, nil, s.usage)
		}
		if s.name == "browser" {
			c.Flags().Lookup(s.name).NoOptDefVal = anyBrowser
		}
	}
	return c
}

// withUsage words a setting's usage for one command.
func withUsage(c *cobra.Command, name, text string) *cobra.Command {
	c.Flags().Lookup(name).Usage = text
	return c
}

// load brings flags, environment and file together for a command. Unknown keys
// are refused, all at once.
func load(c *cobra.Command, s streams) (config, error) {
	v := viper.New()
	env := map[string]string{}
	for _, kv := range s.env {
		if k, val, ok := strings.Cut(kv, "="); ok {
			env[k] = val
		}
	}
	for _, d := range settings {
		v.SetDefault(d.name, d.value)
	}
	cfg := config{v, map[string]bool{}, map[string]bool{}}
	faults := cfg.readFile(c, env)
	for k, val := range env {
		name, ours := strings.CutPrefix(k, "READY6_")
		if !ours || name == "CONFIG" || val == "" { // empty is unset, as in NO_COLOR
			continue
		}
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if !known(name) {
			faults = append(faults, fmt.Errorf("environment: %s is not a setting%s", k, nearest(name)))
			continue
		}
		cfg.set(name, val)
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		if known(f.Name) {
			cfg.set(f.Name, flagValue(f))
			cfg.typed[f.Name] = true
		}
	})
	faults = append(faults, cfg.check(env)...)
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return cfg, usage(errors.Join(faults...))
	}
	return cfg, nil
}

func (c config) set(name string, value any) {
	c.v.Set(name, value)
	c.given[name] = true
}

// flagValue is a flag's value in its own type; a list's as a list.
func flagValue(f *pflag.Flag) any {
	if l, ok := f.Value.(pflag.SliceValue); ok {
		return l.GetSlice()
	}
	return f.Value.String()
}

// readFile merges the configuration file, if there is one.
func (c config) readFile(cmd *cobra.Command, env map[string]string) []error {
	path, _ := cmd.Flags().GetString("config")
	if path == "" {
		path = env["READY6_CONFIG"]
	}
	if path == "" {
		for _, p := range []string{"ready6.yaml", "/etc/ready6/ready6.yaml"} {
			if _, err := os.Stat(p); err == nil || !errors.Is(err, fs.ErrNotExist) {
				path = p
				break
			}
		}
	}
	if path == "" {
		return nil
	}
	file := viper.New()
	file.SetConfigType("yaml")
	file.SetConfigFile(path)
	if err := file.ReadInConfig(); err != nil {
		return []error{fmt.Errorf("%s: %w; mend the file, or name another one with --config", path, err)}
	}
	var faults []error
	for _, key := range file.AllKeys() {
		if !known(key) {
			faults = append(faults, fmt.Errorf("%s: %s is not a setting%s", path, key, nearest(key)))
			continue
		}
		if slices.Contains(secrets, key) {
			faults = append(faults, fmt.Errorf("%s: %s has no place here; put it in a file that only this user may read, and name that with %s-file", path, key, key))
			continue
		}
		c.set(key, file.Get(key))
	}
	return faults
}

func known(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.name == name })
}

// nearest suggests the setting that was probably meant.
func nearest(name string) string {
	for _, s := range settings {
		if strings.HasPrefix(s.name, name) || strings.HasPrefix(name, s.name) ||
			strings.ReplaceAll(s.name, "-", "") == strings.NewReplacer("-", "", "_", "").Replace(name) {
			return "; is " + s.name + " meant?"
		}
	}
	return "; see ready6 scan --help for the settings there are"
}

// check finds every value that cannot be used.
func (c config) check(env map[string]string) []error {
	var faults []error
	bad := func(form string, a ...any) { faults = append(faults, fmt.Errorf(form, a...)) }
	for _, s := range settings {
		raw := fmt.Sprint(c.v.Get(s.name))
		switch s.value.(type) {
		case int:
			least := 1
			if s.name == "retests" {
				least = 0
			}
			if n, err := strconv.Atoi(raw); err != nil || n < least {
				bad("%s: %q is not a whole number from %d up", s.name, raw, least)
			}
		case bool:
			if _, err := strconv.ParseBool(raw); err != nil {
				bad("%s: %q is not true or false%s", s.name, raw, renamed(s.name))
			}
		case []string:
			if !wordList(c.v.Get(s.name)) {
				bad("%s: %s is not a list of words", s.name, raw)
			}
		case string:
			if at, ok := c.v.Get(s.name).(time.Time); ok { // YAML reads a bare time as one
				c.v.Set(s.name, at.Format(time.RFC3339))
			}
			switch c.v.Get(s.name).(type) {
			case map[string]any, []any:
				bad("%s: one value is wanted, not a list", s.name)
			}
		case time.Duration:
			if d, err := time.ParseDuration(raw); err != nil || d < 0 || d == 0 && !slices.Contains(mayBeZero, s.name) {
				bad("%s: %q is not a duration such as 5s or 2m", s.name, raw)
			}
		}
	}
	oneOf := func(name string, allowed ...string) {
		if got := c.v.GetString(name); got != "" && !slices.Contains(allowed, got) {
			bad("%s: %q is not one of %s", name, got, strings.Join(allowed, ", "))
		}
	}
	oneOf("lang", "vi", "en")
	oneOf("color", "auto", "always", "never")
	oneOf("log-format", "console", "json")
	oneOf("log-level", "debug", "info", "warn", "error")
	for _, p := range c.list("allow") {
		if _, err := netip.ParsePrefix(p); err != nil {
			bad("allow: %q is not an address block such as 2001:db8::/32", p)
		}
	}
	for _, s := range c.list("nat64") {
		if p, err := netip.ParsePrefix(s); err != nil || !probes.ValidNAT64(p) {
			bad("nat64: %q is not a NAT64 prefix such as 2001:db8:64::/96 (32, 40, 48, 56, 64 or 96 bits)", s)
		}
	}
	for _, check := range c.list("only") {
		if !slices.Contains(checks, verdict.Check(check)) {
			bad("only: %q is not a check; there are aaaa, reach, dnssec, posture, rpki, closure, mail, reverse, browser", check)
		}
	}
	if slices.Contains(c.list("only"), string(verdict.Browser)) && c.browser() == "" {
		bad("only: browser is asked by --browser, which is not given")
	}
	if _, err := parseThresholds(c.list("fail-on")); err != nil {
		bad("fail-on: %w", err)
	}
	if _, err := parseKeep(c.list("keep")); err != nil {
		bad("keep: %w", err)
	}
	faults = append(faults, c.checkManners()...)
	if at := c.v.GetString("at"); at != "" {
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			bad("at: %q is not a time such as 2026-11-23T02:00:00Z", at)
		}
	}
	faults = append(faults, c.checkNight()...)
	if c.v.GetString("lang") == "" {
		c.v.Set("lang", languageOf(env))
	}
	return faults
}

// wordList reports whether a value is words, as list reads them.
func wordList(v any) bool {
	switch l := v.(type) {
	case nil, string, []string:
		return true
	case []any:
		return !slices.ContainsFunc(l, func(e any) bool { _, ok := e.(string); return !ok })
	}
	return false
}

// checks are the values of --only.
var checks = []verdict.Check{verdict.AAAA, verdict.Reach, verdict.Web, verdict.DNSSEC, verdict.Posture, verdict.RPKI, verdict.Closure, verdict.Mail, verdict.Reverse, verdict.Browser}

// languageOf reads the locale as other programs do (POSIX 8.2).
func languageOf(env map[string]string) string {
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if env[k] != "" {
			if strings.HasPrefix(env[k], "vi") {
				return string(verdict.VI)
			}
			break
		}
	}
	return string(verdict.EN)
}

// anyBrowser stands for the first Chromium that is found.
const anyBrowser = "auto"

// browser is the Chromium to ask: a path, anyBrowser, or empty for none.
func (c config) browser() string {
	switch v := c.text("browser"); strings.ToLower(v) {
	case "", "false", "no", "off", "0":
		return ""
	case "true", "yes", "on", "1":
		return anyBrowser
	default:
		return v
	}
}

func (c config) text(name string) string            { return c.v.GetString(name) }
func (c config) number(name string) int             { return c.v.GetInt(name) }
func (c config) on(name string) bool                { return c.v.GetBool(name) }
func (c config) duration(name string) time.Duration { return c.v.GetDuration(name) }
func (c config) lang() verdict.Lang                 { return verdict.Lang(c.text("lang")) }

// list reads a list, from a YAML list or from words between commas or spaces.
func (c config) list(name string) []string {
	switch l := c.v.Get(name).(type) {
	case []any, []string:
		return c.v.GetStringSlice(name)
	case string:
		return strings.FieldsFunc(l, func(r rune) bool { return r == ',' || r == ' ' })
	}
	return nil
}

// now is the clock of the run: the real one, or --at standing still.
func (c config) now() func() time.Time {
	if at := c.text("at"); at != "" {
		t, _ := time.Parse(time.RFC3339, at) // checked by load
		return func() time.Time { return t }
	}
	return time.Now
}
