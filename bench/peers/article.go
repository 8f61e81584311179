package peers

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
	"github.com/valyala/fasthttp"
)

// article is the article's design: a local counter first, Redis second, both inside one lock (a channel of size 1), over
// net/http, with a line in a log file for every request.
type article struct {
	Options
	lock   chan int // it has a value while no request is inside
	deduct []string // the command

	localSold int64     // inside lock
	redis     redisConn // inside lock
}

func runArticle(ctx context.Context, o Options) error {
	store, err := connect(o)
	if err != nil {
		return err
	}
	defer store.Close()
	sha, err := store.Do(ctx, store.B().ScriptLoad().Script(deductScript).Build()).ToString()
	if err != nil {
		return fmt.Errorf("load script: %w", err)
	}
	a := &article{Options: o, lock: make(chan int, 1), redis: redisConn{addr: o.Redis},
		deduct: append([]string{"EVALSHA", sha, "1", saleHash}, deductArgs...)}
	a.lock <- 1
	mux := http.NewServeMux()
	mux.HandleFunc(buyPath, a.buy)
	s := &http.Server{Addr: o.Listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	defer func() { <-a.lock; a.redis.close(); a.lock <- 1 }()
	if err = s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("article: %w", err)
	}
	return nil
}

func (a *article) buy(w http.ResponseWriter, _ *http.Request) {
	<-a.lock
	won := a.deductLocal() && a.deductRemote()
	sold := a.localSold
	a.lock <- 1

	result, body := 0, map[string]any{"code": -1, "msg": "已售罄", "data": nil}
	if won {
		result, body = 1, map[string]any{"code": 1, "msg": "抢票成功", "data": nil}
	}
	text, _ := json.Marshal(body) // strings and numbers: it cannot fail
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(text)
	a.writeLog("result:" + strconv.Itoa(result) + ",localSales:" + strconv.FormatInt(sold, 10))
}

// deductLocal counts before it asks Redis, as the article does. If Redis refuses, this server has lost the unit.
func (a *article) deductLocal() bool {
	a.localSold++
	return a.localSold <= a.LocalStock
}

// deductRemote asks Redis. An answer that is no serial is a refusal.
func (a *article) deductRemote() bool {
	serial, err := a.redis.call(a.deduct)
	if err != nil {
		a.redis.close()
	}
	return err == nil && serial > 0
}

// writeLog opens, appends and closes for each request, as the article does.
func (a *article) writeLog(line string) {
	if a.Log == "" {
		return
	}
	f, err := os.OpenFile(a.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteString(line + "\r\n")
}

// redisConn is the article's pool of Redis connections. It has one, because only one request at a time is inside the lock. A
// modern client would pipeline, or clean up a connection between two users. Both would change the cost of the design, so the
// calls are written out.
type redisConn struct {
	addr string
	net  net.Conn // nil: it is not open
	in   *bufio.Reader
	out  []byte
}

func (c *redisConn) close() {
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// call makes one command and reads its integer reply, in RESP2. Another reply is 0. The first call opens the connection.
func (c *redisConn) call(args []string) (n int64, err error) {
	if c.net == nil {
		if c.net, err = net.DialTimeout("tcp", c.addr, callTimeout); err != nil {
			return 0, err
		}
		c.in = bufio.NewReader(c.net)
	}
	if err = c.net.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, err
	}
	c.out = append(strconv.AppendInt(append(c.out[:0], '*'), int64(len(args)), 10), "\r\n"...)
	for _, a := range args {
		c.out = append(strconv.AppendInt(append(c.out, '$'), int64(len(a)), 10), "\r\n"...)
		c.out = append(append(c.out, a...), "\r\n"...)
	}
	if _, err = c.net.Write(c.out); err != nil {
		return 0, err
	}
	line, err := c.in.ReadString('\n')
	if digits, isInteger := strings.CutPrefix(strings.TrimSpace(line), ":"); isInteger {
		n, _ = strconv.ParseInt(digits, 10, 64)
	}
	return n, err
}

// deductScript is the article's: a hash with a total and a sold count, one unit per call.
//
//go:embed deduct.lua
var deductScript string

const (
	saleHash    = "ticket_hash_key"
	callTimeout = 2 * time.Second
)

var deductArgs = []string{"ticket_total_nums", "ticket_sold_nums"}

// runOneScript asks Redis for every buyer. rueidis puts the calls of all connections into few pipelines.
func runOneScript(ctx context.Context, o Options) error {
	store, err := connect(o)
	if err != nil {
		return err
	}
	defer store.Close()
	script := rueidis.NewLuaScript(deductScript)
	buy := func(c *fasthttp.RequestCtx) {
		if string(c.Path()) != buyPath {
			c.SetStatusCode(fasthttp.StatusNotFound)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		serial, err := script.Exec(ctx, store, []string{saleHash}, deductArgs).AsInt64()
		switch {
		case err != nil:
			c.SetStatusCode(fasthttp.StatusServiceUnavailable)
		case serial == 0:
			c.SetContentType(jsonType)
			c.SetBodyString(soldOut)
		default:
			c.SetContentType(jsonType)
			c.SetBody(append(strconv.AppendInt(append(c.Response.Body(), won...), serial, 10), "}}"...))
		}
	}
	return serve(ctx, o.Listen, &fasthttp.Server{Handler: buy, NoDefaultServerHeader: true})
}
