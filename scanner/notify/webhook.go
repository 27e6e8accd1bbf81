package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ready6/probes/dial"
)

// Webhook posts a message's body, JSON, to one address. It is signed as the
// Standard Webhooks specification (1.0.0) says, for which receivers have
// libraries: header webhook-signature is "v1," and the base64 of HMAC-SHA256 over
// "webhook-id.webhook-timestamp.body".
type Webhook struct {
	url    *url.URL
	key    []byte
	agent  string
	client *http.Client
	now    func() time.Time
}

// WebhookConfig is how to reach a webhook.
type WebhookConfig struct {
	URL    string // http or https
	Secret string // the key: "whsec_" and base64, or else the bytes as they are; empty: not signed
	Agent  string // User-Agent
	Dial   dial.Func
	CAs    *x509.CertPool // nil: the system's
}

// NewWebhook checks the settings.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("not an address such as https://example.gov.vn/ready6") // it may hold a secret: not repeated
	}
	key := []byte(c.Secret)
	if coded, ok := strings.CutPrefix(c.Secret, "whsec_"); ok {
		if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return nil, errors.New("the secret after whsec_ is not base64")
		}
	}
	return &Webhook{url: u, key: key, agent: c.Agent, now: time.Now, client: &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: c.Dial, TLSClientConfig: &tls.Config{RootCAs: c.CAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		},
	}}, nil
}

// Deliver posts a message; any answer but 2xx is an error. A redirect is not
// followed: what is signed for one receiver is not carried to another.
func (w *Webhook) Deliver(ctx context.Context, m Message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), strings.NewReader(m.Body))
	if err != nil {
		return errors.New("the address cannot be used")
	}
	stamp := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", w.agent)
	req.Header.Set("webhook-id", m.ID)
	req.Header.Set("webhook-timestamp", stamp)
	if len(w.key) > 0 {
		req.Header.Set("webhook-signature", sign(w.key, m.ID, stamp, m.Body))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		var told *url.Error
		if errors.As(err, &told) { // whose text has the whole address, where secrets may be
			err = told.Err
		}
		return fmt.Errorf("%s: %w", w.url.Host, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", w.url.Host, resp.Status)
	}
	return nil
}

// Rest closes what is open.
func (w *Webhook) Rest() { w.client.CloseIdleConnections() }

func sign(key []byte, id, stamp, body string) string {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, id+"."+stamp+"."+body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
