package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
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
	sha, err := loadDeduct(ctx, store)
	if err != nil {
		return err
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
	respond(w, body)
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

func respond(w http.ResponseWriter, body map[string]any) {
	b, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	_, _ = w.Write(b)
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
