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
	"sync"
	"time"

	"github.com/redis/rueidis"
	"github.com/valyala/fasthttp"
)

// article is the article's design: a local counter first, Redis second, both inside one lock (a channel of size 1), over
// net/http, with a line in a log file for every request.
type article struct {
	lock   chan int // it has a value while no request is inside
	redis  *pool
	deduct []string // the command
	log    string

	localStock int64
	localSold  int64 // inside lock
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
	a := &article{lock: make(chan int, 1), redis: &pool{addr: o.Redis}, log: o.Log, localStock: o.LocalStock,
		deduct: append([]string{"EVALSHA", sha, "1", saleHash}, deductArgs...)}
	defer a.redis.close()
	a.lock <- 1
	mux := http.NewServeMux()
	mux.HandleFunc(buyPath, a.buy)
	s := &http.Server{Addr: o.Listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
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
	return a.localSold <= a.localStock
}

// deductRemote takes a connection from the pool for one call, and gives it back.
func (a *article) deductRemote() bool {
	serial, err := a.redis.do(a.deduct)
	return err == nil && serial > 0
}

// writeLog opens, appends and closes for each request, as the article does.
func (a *article) writeLog(line string) {
	if a.log == "" {
		return
	}
	f, err := os.OpenFile(a.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.WriteString(line + "\r\n")
}

// pool is a Redis connection pool like the article's: a connection makes one call at a time, and is then given back. A modern
// client would pipeline, or clean up a connection between two users. Both would change the cost of the design, so the pool is
// written out.
type pool struct {
	addr string
	mu   sync.Mutex
	idle []*redisConn
}

type redisConn struct {
	net net.Conn
	in  *bufio.Reader
	out []byte
}

var errReply = errors.New("redis reply")

// do sends one command and reads its integer reply. The connection goes back to the pool unless it broke.
func (p *pool) do(args []string) (int64, error) {
	c, err := p.get()
	if err != nil {
		return 0, err
	}
	n, err := c.call(args)
	if err != nil && !errors.Is(err, errReply) {
		_ = c.net.Close()
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
	return n, err
}

func (p *pool) get() (*redisConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.idle) - 1; last >= 0 {
		c := p.idle[last]
		p.idle = p.idle[:last]
		return c, nil
	}
	c, err := net.DialTimeout("tcp", p.addr, callTimeout)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return &redisConn{net: c, in: bufio.NewReader(c)}, nil
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		_ = c.net.Close()
	}
}

// call makes one command and reads its reply, in RESP2. It understands only an integer or an error.
func (c *redisConn) call(args []string) (int64, error) {
	if err := c.net.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return 0, err
	}
	c.out = append(strconv.AppendInt(append(c.out[:0], '*'), int64(len(args)), 10), "\r\n"...)
	for _, a := range args {
		c.out = append(strconv.AppendInt(append(c.out, '$'), int64(len(a)), 10), "\r\n"...)
		c.out = append(append(c.out, a...), "\r\n"...)
	}
	if _, err := c.net.Write(c.out); err != nil {
		return 0, err
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	digits, isInteger := strings.CutPrefix(strings.TrimSuffix(line, "\r\n"), ":")
	if !isInteger {
		return 0, fmt.Errorf("%w: %q", errReply, line)
	}
	return strconv.ParseInt(digits, 10, 64)
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
			body := append(c.Response.Body(), `{"code":1,"msg":"抢票成功","data":{"sale":"ticket","serial":`...)
			c.SetBody(append(strconv.AppendInt(body, serial, 10), "}}"...))
		}
	}
	return serve(ctx, o.Listen, &fasthttp.Server{Handler: buy, NoDefaultServerHeader: true})
}
