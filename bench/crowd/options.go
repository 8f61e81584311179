package crowd

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench"
)

// ErrOptions means that the options of a run are wrong.
var ErrOptions = fmt.Errorf("%w: crowd", bench.ErrUsage)

// Options of a run.
type Options struct {
	URLs        []string // connection i uses URLs[i % len(URLs)]
	Connections int      // 1..65536
	Requests    int64    // over all connections together
	Rate        float64  // requests per second, all together; 0: as fast as answers come (closed loop)

	// For, if set, is how long the run begins requests. Those that it does not begin are unsent.
	For time.Duration

	Method  string                    // default GET
	Body    []byte                    // sent with every request
	Timeout time.Duration             // of one request, connecting included; default 5 s
	From    func(connection int) Dial // where a connection comes from; nil: the machine chooses

	// Dress, if set, may change the header of request number n (0..Requests-1) before it is sent, and its URI. Many connections
	// call it at once.
	Dress func(n int64, header *fasthttp.RequestHeader)

	// Heard, if set, gets every answer. Many connections call it at once. It must not keep the answer's header and body.
	Heard func(Answer)

	// OnProgress, if set, is called from one goroutine every ProgressEvery (default 200 ms) and once at the end.
	OnProgress    func(Progress)
	ProgressEvery time.Duration
}

// Progress is how far a run is.
type Progress struct {
	Done, Requests int64
	Elapsed        time.Duration
}

const maxConnections = 1 << 16

// BuyerHeader names a buyer, if a trusted proxy sends it.
const BuyerHeader = "X-Buyer-Id"

// Named dresses each request in the name of a buyer of its own: b0, b1 ...
func Named(n int64, h *fasthttp.RequestHeader) {
	var room [24]byte
	h.SetBytesV(BuyerHeader, strconv.AppendInt(append(room[:0], 'b'), n, 10))
}

// NamedAfter is Named for a crowd that nobody has seen before: its buyers' names begin with the crowd's.
func NamedAfter(crowd string) func(int64, *fasthttp.RequestHeader) {
	return func(n int64, h *fasthttp.RequestHeader) { h.Set(BuyerHeader, crowd+strconv.FormatInt(n, 10)) }
}

// filled returns the options with defaults, or the error in them.
func (o Options) filled() (Options, error) {
	if o.Method == "" {
		o.Method = fasthttp.MethodGet
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.ProgressEvery <= 0 {
		o.ProgressEvery = 200 * time.Millisecond
	}
	switch {
	case len(o.URLs) == 0:
		return o, fmt.Errorf("%w: no URL", ErrOptions)
	case o.Connections < 1 || o.Connections > maxConnections:
		return o, fmt.Errorf("%w: %d connections, not 1..%d", ErrOptions, o.Connections, maxConnections)
	case o.Requests < 0 || o.Rate < 0:
		return o, fmt.Errorf("%w: fewer requests than none", ErrOptions)
	}
	for _, u := range o.URLs {
		if _, _, err := Split(u); err != nil {
			return o, err
		}
	}
	return o, nil
}

// Split returns HOST:PORT of an http:// URL, and the rest.
func Split(text string) (host, path string, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" || u.Hostname() == "":
		return "", "", fmt.Errorf("%w: %q is not an http:// URL", ErrOptions, text)
	case u.Port() == "":
		return net.JoinHostPort(u.Hostname(), "80"), u.RequestURI(), nil
	}
	return u.Host, u.RequestURI(), nil
}
