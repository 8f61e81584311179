package peers

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
	"github.com/valyala/fasthttp"
)

// oneScript asks Redis for every buyer. rueidis puts the calls of all connections into few pipelines.
type oneScript struct {
	store  rueidis.Client
	script *rueidis.Lua
}

const callTimeout = 2 * time.Second

func runOneScript(ctx context.Context, o Options) error {
	store, err := connect(o)
	if err != nil {
		return err
	}
	defer store.Close()
	s := &oneScript{store: store, script: rueidis.NewLuaScript(deductScript)}
	return serve(ctx, o.Listen, &fasthttp.Server{Handler: s.buy, NoDefaultServerHeader: true})
}

func (s *oneScript) buy(c *fasthttp.RequestCtx) {
	if string(c.Path()) != buyPath {
		c.SetStatusCode(fasthttp.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	serial, err := s.script.Exec(ctx, s.store, []string{saleHash}, deductArgs).AsInt64()
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
