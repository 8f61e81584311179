package realsale

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/crowd"
)

// buyers are the buyers of one site. Its requests come as nginx passes on those of browsers.
type buyers struct {
	kind        Kind
	url         string
	connections int
	buyers      int64 // how many there are; 0: one for each request
	sent        atomic.Int64
}

// timeout of a request. An edge lets no buyer wait longer than three seconds for the ledger.
const timeout = 10 * time.Second

// send sends requests for so long, and at most so many.
func (c *buyers) send(ctx context.Context, long time.Duration, most int64, heard func(crowd.Answer)) (crowd.Result, error) {
	first := c.sent.Load()
	r, err := crowd.Run(ctx, crowd.Options{URLs: []string{c.url}, Connections: int(min(int64(c.connections), most)), Requests: most,
		For: long, Method: fasthttp.MethodPost, Timeout: timeout, Heard: heard,
		Dress: func(n int64, h *fasthttp.RequestHeader) { c.dress(first+n, h) }})
	c.sent.Add(r.Answered + r.Errors)
	return r, err
}

// buy sends exactly so many requests, of which each must win.
func (c *buyers) buy(ctx context.Context, n int64, heard func(crowd.Answer)) error {
	r, err := c.send(ctx, 0, n, heard)
	if won := r.Codes[1]; err == nil && won != n {
		err = fmt.Errorf("%d of %d buyers won: codes %v, errors %v", won, n, r.Codes, r.ErrorKinds)
	}
	return err
}

// dress gives request n its headers.
func (c *buyers) dress(n int64, h *fasthttp.RequestHeader) {
	var room [64]byte
	ip := fmt.Appendf(room[:0], "10.%d.%d.%d", byte(n>>16), byte(n>>8), byte(n))
	h.SetBytesV("X-Real-IP", ip)
	h.SetBytesV("X-Forwarded-For", ip)
	h.SetBytesV("X-Request-ID", appendID(room[:0], n, 0))
	if c.kind.Named {
		buyer := n
		if c.buyers > 0 {
			buyer %= c.buyers
		}
		h.SetBytesV("X-Buyer-Id", strconv.AppendInt(append(room[:0], "buyer-"...), buyer, 10))
	}
	if c.kind.Keyed {
		h.SetBytesV("Idempotency-Key", appendID(room[:0], n, 2))
	}
}

// appendID appends 32 hexadecimal digits, which differ for each n and for each even salt.
func appendID(to []byte, n int64, salt uint64) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], scatter(uint64(n)<<4|salt))
	binary.BigEndian.PutUint64(b[8:], scatter(uint64(n)<<4|salt|1))
	return hex.AppendEncode(to, b[:])
}

// scatter is a bijection: no two numbers come to the same one (the finalizer of SplitMix64).
func scatter(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
