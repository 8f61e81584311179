package order

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	postTimeout = 10 * time.Second
	maxAnswer   = 64 << 10 // so much of an answer is read, so that the connection can be used again
	idlePosts   = 30 * time.Second

	failuresToPause = 5 // failures in a row after which the endpoint is only probed
	maxPause        = time.Minute
	maxRetryAfter   = time.Hour
)

// endpoint is the target of webhook messages: how to send them, and whether sending is worth a try.
type endpoint struct {
	url    string
	signer *webhooks.Webhook
	client *http.Client
	first  time.Duration // first pause after failuresToPause; it doubles up to maxPause

	mu     sync.Mutex
	failed int       // in a row
	until  time.Time // no attempt before then
	gone   bool      // the endpoint answered 410: nothing is sent until this process starts again
}

func newEndpoint(target, secret string, first time.Duration) (*endpoint, error) {
	signer, err := webhooks.NewWebhook(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: webhook secret", ErrConfig) // the error could repeat the secret
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.IdleConnTimeout = sendAtOnce, idlePosts
	return &endpoint{url: target, signer: signer, first: first, client: &http.Client{Timeout: postTimeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// answer is the result of an attempt.
type answer struct {
	status     int // 0: there was no answer
	retryAfter time.Duration
	err        error // nil: the message was taken
}

// post sends a message once, signed as of now.
func (e *endpoint) post(ctx context.Context, d Delivery, now time.Time) answer {
	signature, err := e.signer.Sign(d.ID, now, []byte(d.Body))
	if err != nil {
		return answer{err: fmt.Errorf("sign: %w", err)}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(d.Body))
	if err != nil {
		return answer{err: errors.New("the webhook's address cannot be used")}
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "spike")
	q.Header.Set(webhooks.HeaderWebhookID, d.ID)
	q.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	q.Header.Set(webhooks.HeaderWebhookSignature, signature)
	r, err := e.client.Do(q)
	if err != nil {
		return answer{err: unaddressed(err)}
	}
	defer func() { _ = r.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxAnswer))
	if r.StatusCode/100 == 2 {
		return answer{status: r.StatusCode}
	}
	return answer{status: r.StatusCode, retryAfter: retryAfter(r.Header.Get("Retry-After"), now),
		err: fmt.Errorf("answered %d", r.StatusCode)}
}

// unaddressed is the error without the URL. The URL may hold a secret.
func unaddressed(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// retryAfter reads seconds or a date; at most an hour.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// room is how many messages are worth a try now: none while the endpoint is paused, then one to see whether it is back.
func (e *endpoint) room(now time.Time, most int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.gone || now.Before(e.until):
		return 0
	case e.failed >= failuresToPause:
		return 1
	}
	return most
}

// heard learns from an attempt. A Retry-After delays all messages. A 410 ends sending for good.
func (e *endpoint) heard(a answer, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.err == nil {
		e.failed, e.until = 0, time.Time{}
		return
	}
	e.gone = e.gone || a.status == http.StatusGone
	pause := a.retryAfter
	if !now.Before(e.until) { // else the attempt began before the pause, and says nothing new
		e.failed++
		if over := e.failed - failuresToPause; over >= 0 {
			pause = max(pause, backoff(e.first, maxPause, over+1))
		}
	}
	if until := now.Add(pause); until.After(e.until) {
		e.until = until
	}
}

// pausedNow says that messages are tried only now and then, or never.
func (e *endpoint) pausedNow() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gone || e.failed >= failuresToPause
}

func (e *endpoint) close() { e.client.CloseIdleConnections() }
