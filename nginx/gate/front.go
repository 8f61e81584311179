package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"spike/luascripts/ledger"
)

const (
	frontTimeout = 500 * time.Millisecond // for nginx' answer
	frontMost    = 1 << 10                // bytes of it that are read

	frontFailures = 5 // in a row, after which the log says so: nginx may start after the gate
)

// errStatus is an answer that is not nginx' status.
var errStatus = errors.New("not nginx' status")

// front is the nginx beside the gate.
type front struct {
	url    string
	client *http.Client
	asked  uint64 // times, since nginx started or the gate
	last   uint64 // requests that nginx had counted
}

// newFront asks at a URL on this machine. nginx' certificate is for the buyers' name of it.
func newFront(url string) *front {
	return &front{url: url, client: &http.Client{Timeout: frontTimeout, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConns: 1, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: frontMost}}}
}

// read adds nginx' own counts. Of its requests the gate's own are left out, so that nobody takes them for a crowd.
func (f *front) read(ctx context.Context, b *ledger.FrontBeat) error {
	f.asked++
	if err := f.ask(ctx, b); err != nil {
		return err
	}
	if b.Requests < f.last {
		f.asked = 1 // nginx started anew
	}
	f.last = b.Requests
	b.Requests -= min(b.Requests, f.asked)
	return nil
}

func (f *front) ask(ctx context.Context, b *ledger.FrontBeat) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, http.NoBody)
	if err != nil {
		return err
	}
	r, err := f.client.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, frontMost))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: HTTP %d", errStatus, r.StatusCode)
	}
	if err != nil {
		return err
	}
	return parseStatus(string(text), b)
}

// parseStatus reads what nginx' stub_status writes.
func parseStatus(text string, b *ledger.FrontBeat) error {
	var is ledger.FrontBeat
	var handled, reading, writing uint64
	_, err := fmt.Sscanf(text, "Active connections: %d \nserver accepts handled requests\n %d %d %d \n"+
		"Reading: %d Writing: %d Waiting: %d", &is.Active, &is.Accepted, &handled, &is.Requests, &reading, &writing, &is.Waiting)
	if err != nil {
		return fmt.Errorf("%w: %w", errStatus, err)
	}
	b.Seen, b.Active, b.Accepted, b.Requests, b.Waiting = true, is.Active, is.Accepted, is.Requests, is.Waiting
	return nil
}

func (f *front) close() { f.client.CloseIdleConnections() }
