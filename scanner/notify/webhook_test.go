package notify

import (
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ready6/probes/dial"
)

func hook(t *testing.T, c WebhookConfig) *Webhook {
	t.Helper()
	c.Dial = dial.System()
	w, err := NewWebhook(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// A receiver can check the signature with the specification's own library, and a
// body that was changed does not pass.
func TestWebhookSignature(t *testing.T) {
	for _, secret := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain words"} {
		theirs, err := standardwebhooks.NewWebhook(secret)
		if !strings.HasPrefix(secret, "whsec_") {
			theirs, err = standardwebhooks.NewWebhookRaw([]byte(secret))
		}
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if err := theirs.Verify(body, r.Header); err != nil {
				t.Error(err)
			}
			if theirs.Verify(append(body, ' '), r.Header) == nil {
				t.Error("a changed body passes")
			}
			if r.Method != "POST" || string(body) != `{"a":"ệ"}` || r.Header.Get("Content-Type") != "application/json; charset=utf-8" || r.UserAgent() != "ready6/test" {
				t.Errorf("%s %s %v", r.Method, body, r.Header)
			}
		}))
		defer s.Close()
		w := hook(t, WebhookConfig{URL: s.URL, Secret: secret, Agent: "ready6/test"})
		if err := w.Deliver(t.Context(), Message{ID: "run-1-webhook", Body: `{"a":"ệ"}`}); err != nil {
			t.Error(err)
		}
		w.Rest()
	}
}

// Down, slow, 500 and then well: the outbox delivers it once, and the errors tell
// neither secret nor path.
func TestWebhookThatFails(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	if err := hook(t, WebhookConfig{URL: dead.URL + "/hidden?token=hidden", Secret: "hidden"}).Deliver(t.Context(), Message{}); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("down: %v", err)
	}
	gone := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-gone
	}))
	defer slow.Close()
	defer close(gone)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := hook(t, WebhookConfig{URL: slow.URL + "/hidden"}).Deliver(ctx, Message{}); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("slow: %v", err)
	}
	var calls atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			http.Error(w, "not now", http.StatusInternalServerError)
		}
	}))
	defer s.Close()
	var log strings.Builder
	o := NewOutbox(t.TempDir(), map[string]Way{"webhook": hook(t, WebhookConfig{URL: s.URL + "/hidden"})}, zerolog.New(&log))
	put(t, o, 1, Message{ID: "run-1-webhook", Way: "webhook"})
	if left := o.Flush(t.Context(), time.Minute); left != 0 || calls.Load() != 2 {
		t.Errorf("%d left after %d calls", left, calls.Load())
	}
	if said := log.String(); !strings.Contains(said, "answered 500 Internal Server Error") || !strings.Contains(said, `"message":"delivered"`) || strings.Contains(said, "hidden") {
		t.Errorf("%s", said)
	}
}

// A redirect would carry what is signed for one receiver to another.
func TestWebhookFollowsNoRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer other.Close()
	for _, code := range []int{301, 302, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(other.URL, code))
		defer s.Close()
		if err := hook(t, WebhookConfig{URL: s.URL}).Deliver(t.Context(), Message{}); err == nil || !strings.Contains(err.Error(), "answered 3") {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// The certificate counts, and is checked against the operator's authorities.
func TestWebhookTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	s.Config.ErrorLog = nil
	if err := hook(t, WebhookConfig{URL: s.URL}).Deliver(t.Context(), Message{}); err == nil {
		t.Error("a certificate of nobody is trusted")
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	if err := hook(t, WebhookConfig{URL: s.URL, CAs: pool}).Deliver(t.Context(), Message{}); err != nil {
		t.Error(err)
	}
}

// It goes out through the one door.
func TestWebhookDial(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	var asked []string
	w, err := NewWebhook(WebhookConfig{URL: "http://hook.noi-bo.example:8080/x", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		asked = append(asked, network+" "+address)
		return dial.System()(ctx, network, s.Listener.Addr().String())
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(t.Context(), Message{}); err != nil || len(asked) != 1 || asked[0] != "tcp hook.noi-bo.example:8080" {
		t.Errorf("%v, %q", err, asked)
	}
}

func TestWebhookSettings(t *testing.T) {
	for _, c := range []WebhookConfig{{URL: ""}, {URL: "hook"}, {URL: "ftp://a/hidden"}, {URL: "https:///hidden"}, {URL: "http://a b/hidden"},
		{URL: "https://a", Secret: "whsec_hidden!"}} {
		if _, err := NewWebhook(c); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A file is there whole, with the newest text, and readable by others; a folder
// that is not there is an error to try again after.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ready6.prom")
	for _, text := range []string{"one\n", "two\n"} {
		if err := (File{path}).Deliver(t.Context(), Message{Body: text}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files", len(left))
	}
	if err := (File{filepath.Join(dir, "none", "x")}).Deliver(t.Context(), Message{}); err == nil {
		t.Error("no error")
	}
}
