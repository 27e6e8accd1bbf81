// Package browser asks an installed Chromium for its opinion of a page: which
// of the requests that the page makes come through when there is IPv6 alone.
//
// Chromium is driven over the DevTools protocol on a pipe, so that no debugging
// port is open to others on the machine. It reaches nothing by itself: every
// connection goes through a SOCKS proxy on loopback (RFC 1928) that belongs to
// one load of one page, resolves names as the caller says and opens
// connections, to IPv6 addresses only, by the caller's dial.Func. The guard, the
// limits and the root hints of a scan hold for the browser, too, and no
// privilege is needed.
package browser

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"ready6/probes/dial"
	"ready6/probes/verdict"
)

// Bounds of one load, whatever the page does.
const (
	maxRequests = 600        // requests made
	maxBytes    = 96 << 20   // received, all connections together
	maxMemory   = 1536 << 20 // resident, all processes of the browser together
	maxTunnels  = 400        // connections opened
)

// quiet is how long nothing may happen before a loaded page counts as done.
const quiet = time.Second

// startLimit is for Chromium to come up: a busy machine needs its time, which is
// not the page's.
const startLimit = time.Minute

// Config is what a load is given.
type Config struct {
	Path      string        // the Chromium to run; see Find
	Dial      dial.Func     // guarded and limited; the only way out
	Lookup    Lookup        // resolves the names of the page's hosts
	Step      time.Duration // longest wait for one connect
	Limit     time.Duration // longest time for the page, once Chromium runs
	PerAddr   int           // connections open at once to one address; 0: 6, as browsers have it
	OwnCAs    bool          // certificates are judged by the caller: Chromium does not know its authorities
	UserAgent string        // put behind Chromium's own
}

// Lookup returns the IPv6 addresses of a host that a client without IPv4 finds,
// or why it finds none.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, *Fault)

// Fault says why a host could not be had over IPv6.
type Fault struct {
	NeedsIPv4 bool          // for sure: nothing but IPv4 leads there
	Cause     verdict.Cause // where that is not for sure
	Detail    string
	Evidence  []verdict.Evidence
}

// Page is what became of one page.
type Page struct {
	URL      string // asked for
	Final    string // of the page at the end of redirects
	Product  string // "Chrome/156.0.8078.79"
	Status   int    // HTTP status of the last page; 0: none came
	Requests []Request
	Hosts    []Host // that connections were opened to, or should have been, in order
	Cut      string // why it was ended before it was done; empty: it was done
	At       time.Time
	Took     time.Duration
}

// Request is one request that the page made; each hop of a redirect is its own.
type Request struct {
	URL    string
	Host   string // of the URL: a name in A-label form, or an address
	Port   uint16
	Type   string // Document, Script, Image … as Chromium calls it
	Main   bool   // for the page itself, not for a part of it
	Status int    // HTTP status, 0: no reply
	Failed string // Chromium's error, such as net::ERR_SOCKS_CONNECTION_FAILED
	Open   bool   // not finished when the load was ended
}

// Host is one host and port that Chromium wanted a connection to.
type Host struct {
	Name  string
	Port  uint16
	Fault *Fault // nil: there was a connection
}

// names are what a Chromium may be called, best known first.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// Find returns the path of the Chromium to use: of the one named, or of the
// first one installed where path is "auto".
func Find(path string) (string, error) {
	if path != "auto" {
		return exec.LookPath(path)
	}
	for _, n := range names {
		if found, err := exec.LookPath(n); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("no Chromium is installed (looked for %s)", strings.Join(names, ", "))
}

// Load opens a page and waits until it is done, or at a bound. What the page
// does is in Page; the error says why Chromium could not be used.
func Load(ctx context.Context, c Config, url string) (Page, error) {
	began := time.Now()
	p := Page{URL: url, At: began.UTC()}
	ctx, cancel := context.WithTimeout(ctx, startLimit+c.Limit)
	defer cancel()
	home, err := os.MkdirTemp(shortTemp(), "ready6-browser-")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(home)
	w := newWatch(maxRequests)
	proxy, err := listen(ctx, c, w.asked)
	if err != nil {
		return p, err
	}
	defer proxy.close()
	err = drive(ctx, c, proxy, w, home, &p)
	p.Requests, p.Final, p.Status = w.requests()
	p.Hosts = proxy.hosts()
	p.Took = time.Since(began)
	return p, err
}

// shortTemp is the folder for temporary files, if its name is short: Chromium
// makes sockets below it, whose names may have 107 bytes at most (unix(7)).
func shortTemp() string {
	if dir := os.TempDir(); len(dir) < 32 || os.PathSeparator != '/' {
		return dir
	}
	return "/tmp"
}

// drive runs Chromium for one page.
func drive(ctx context.Context, c Config, proxy *proxy, w *watch, home string, p *Page) error {
	parent, stop := chromedp.NewExecAllocator(ctx, options(c, proxy.address(), home)...)
	defer stop()
	tab, end := chromedp.NewContext(parent, chromedp.WithListener(w.event), chromedp.WithErrorf(func(string, ...any) {}))
	defer end()
	if err := chromedp.Do(tab); err != nil { // starts it
		return fmt.Errorf("starting Chromium: %w", err)
	}
	target := chromedp.FromContext(tab).Target
	w.begin(string(target.TargetID))
	go w.dialogs(tab)
	raw, unsubscribe := target.Subscribe("Page.frameScheduledNavigation")
	defer unsubscribe()
	go func() {
		for v := range raw {
			w.scheduled(v)
		}
	}()
	if err := prepare(tab, c, p); err != nil {
		return fmt.Errorf("setting up Chromium: %w", err)
	}
	limit, over := context.WithTimeout(tab, c.Limit)
	defer over()
	if _, err := chromedp.Call(limit, page.Navigate, page.NavigateParams{URL: p.URL}); err != nil && limit.Err() == nil {
		return fmt.Errorf("opening the page: %w", err)
	}
	process := chromedp.FromContext(tab).Browser.Process()
	for tick := 1; ; tick++ {
		select {
		case <-limit.Done():
			if tab.Err() != nil && ctx.Err() == nil {
				return errors.New("the browser ended while it loaded the page")
			}
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			p.Cut = fmt.Sprintf("not done within %v", c.Limit.Round(time.Second))
			return nil
		case <-time.After(100 * time.Millisecond):
		}
		switch {
		case w.crashed():
			return errors.New("the page made Chromium crash")
		case w.tooMany():
			p.Cut = fmt.Sprintf("more than %d requests", maxRequests)
		case proxy.full():
			p.Cut = fmt.Sprintf("more than %d MiB or %d connections", maxBytes>>20, maxTunnels)
		case process != nil && tick%5 == 0 && resident(process.Pid) > maxMemory:
			p.Cut = fmt.Sprintf("more than %d MiB of memory", maxMemory>>20)
		case w.done(time.Now()):
		default:
			continue
		}
		return nil
	}
}

// prepare sets what has to hold before the first request.
func prepare(tab context.Context, c Config, p *Page) error {
	v, err := chromedp.CallBrowser(tab, cdpbrowser.GetVersion, cdp.Empty{})
	if err != nil {
		return err
	}
	p.Product = v.Product
	agent := strings.TrimSpace(strings.ReplaceAll(v.UserAgent, "HeadlessChrome", "Chrome") + " " + c.UserAgent)
	if _, err := chromedp.Call(tab, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent}); err != nil {
		return err
	}
	if _, err := chromedp.CallBrowser(tab, cdpbrowser.SetDownloadBehavior,
		cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorDeny}); err != nil {
		return err
	}
	if !c.OwnCAs {
		return nil
	}
	_, err = chromedp.Call(tab, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	return err
}

// options are Chromium's command line and environment: IPv6 through the proxy is
// its only network, nothing of the user's is read, and nothing is sent that the
// page did not ask for.
func options(c Config, proxy, home string) []chromedp.ExecAllocatorOption {
	out := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(c.Path),
		chromedp.Flag("proxy-server", "socks5://"+proxy),
		chromedp.Flag("proxy-bypass-list", "<-loopback>"), // loopback is not to be had past the proxy, either
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE [::1]"),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("force-webrtc-ip-handling-policy", "disable_non_proxied_udp"),
		chromedp.Flag("webrtc-ip-handling-policy", "disable_non_proxied_udp"),
		// One process shows all frames: their requests are reported in one place.
		chromedp.Flag("disable-site-isolation-trials", true),
		chromedp.Flag("disable-features", "Translate,IsolateOrigins,site-per-process,OptimizationHints,MediaRouter,DialMediaRouteProvider,"+
			"AutofillServerCommunication,CertificateTransparencyComponentUpdater,InterestFeedContentSuggestions,HttpsUpgrades,"+
			"HttpsFirstBalancedModeAutoEnable,PreconnectToSearch,NetworkTimeServiceQuerying,GCMSocket,SafeBrowsing"),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-component-extensions-with-background-pages", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("no-pings", true),
		chromedp.Flag("no-service-autorun", true),
		chromedp.Flag("disable-search-engine-choice-screen", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-plugins", true),
		chromedp.Flag("deny-permission-prompts", true),
		chromedp.Flag("js-flags", "--max-old-space-size=512"),
		chromedp.WindowSize(1366, 4000), // high enough that what waits to be scrolled to is loaded
		chromedp.NoInheritEnv,
		chromedp.Env("PATH="+os.Getenv("PATH"), "HOME="+home, "XDG_RUNTIME_DIR="+home, "TMPDIR="+home, "LC_ALL=C.UTF-8",
			"XDG_CONFIG_HOME="+filepath.Join(home, "config"), "XDG_CACHE_HOME="+filepath.Join(home, "cache")),
	)
	if os.Geteuid() == 0 {
		out = append(out, chromedp.NoSandbox) // Chromium's sandbox refuses to be set up by root
	}
	return out
}
