package bill

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"spike/bench/check"
	"spike/bench/front"
	"spike/bench/load"
)

// crowd is the requests, and the answers to them.
type crowd struct {
	wins check.Wins   // of an edge: with serials and tokens
	won  atomic.Int64 // of any server: answers with code 1
}

// codeWon is the contract's, and the article's.
var codeWon = []byte(`{"code":1,`)

func (c *crowd) note(_ string, status int, body []byte) {
	c.wins.Note(status, body)
	if status == 200 && len(body) >= len(codeWon) && string(body[:len(codeWon)]) == string(codeWon) {
		c.won.Add(1)
	}
}

// run sends every request, each with a buyer of its own.
func (c *crowd) run(ctx context.Context, o Options, addr string) (load.Result, error) {
	return load.Run(ctx, load.Options{URLs: []string{"http://" + addr + "/buy/" + front.Sale}, Connections: o.Connections,
		Requests: o.Requests, Timeout: 10 * time.Second, Header: buyer, OnAnswer: c.note})
}

// buyer gives request n a buyer of its own.
func buyer(n int64, h *fasthttp.RequestHeader) {
	var room [24]byte
	h.SetBytesV("X-Buyer-Id", strconv.AppendInt(append(room[:0], 'b'), n, 10))
}
