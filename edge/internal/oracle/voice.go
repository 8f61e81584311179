package oracle

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/allotment"
)

// voice is a way of answering buys: the article's, or the v1 API's.
type voice struct {
	prepared [outcomes]answer // those that are the same for everybody
	won      frame
	limited  frame // over the limit, with a pending reservation of the buyer's own
	waiting  frame // a lot, to be drawn
	opens    bool  // what a sale that is not open says is a problem
	tooMuch  string
}

// Codes of the article's contract, and ours beside them.
const (
	codeWon       = 1
	codeSoldOut   = -1
	codeUnopened  = -2
	codeClosed    = -3
	codeOverLimit = -4
	codeUndecided = -5
	codeEntered   = -6
	codeTooMuch   = -8 // -7 is nginx' own
)

var phrases = map[string][outcomes]string{
	"zh": {
		soldOut: "已售罄", noneNow: "已售罄", paused: "暂停销售，请稍后重试", unopened: "尚未开售", closed: "已结束",
		undecided: "系统繁忙，请稍后重试", won: "抢票成功", overLimit: "已达限购数量", entered: "已登记，等待抽签",
		tooMuch: "超过每人限购数量",
	},
	"en": {
		soldOut: "sold out", noneNow: "none left for now", paused: "paused, try again later", unopened: "not open yet",
		closed: "closed", undecided: "busy, try again", won: "yours", overLimit: "you have as many as one buyer may have",
		entered: "you have a lot: wait for the draw", tooMuch: "one buyer may never have so many",
	},
}

// newArticle is the voice of /buy.
func newArticle(lang string) *voice {
	say := phrases[lang]
	v := &voice{}
	for _, o := range []struct {
		outcome      outcome
		status, code int
		retry        []byte
	}{
		{soldOut, 200, codeSoldOut, nil},
		{noneNow, 200, codeSoldOut, oneSecond},
		{paused, 200, codeSoldOut, oneSecond},
		{unopened, 200, codeUnopened, oneSecond},
		{closed, 200, codeClosed, nil},
		{undecided, 503, codeUndecided, oneSecond},
		{overLimit, 200, codeOverLimit, nil},
	} {
		v.prepared[o.outcome] = answer{o.status, jsonType, o.retry, fmt.Appendf(nil, `{"code":%d,"msg":%q}`, o.code, say[o.outcome])}
	}
	v.faults()
	around := func(code int, o outcome) frame {
		return frame{200, jsonType, fmt.Appendf(nil, `{"code":%d,"msg":%q,"data":{"sale":"`, code, say[o]), []byte(`"}}`)}
	}
	v.tooMuch = say[tooMuch]
	v.won, v.limited, v.waiting = around(codeWon, won), around(codeOverLimit, overLimit), around(codeEntered, entered)
	return v
}

// newV1 is the voice of /v1.
func newV1() *voice {
	v := &voice{opens: true}
	for _, o := range []struct {
		outcome      outcome
		status       int
		retry        []byte
		code, detail string
	}{
		{soldOut, 410, nil, "sold_out", "every unit has its owner, and no more come unless the operator adds some"},
		{noneNow, 409, oneSecond, "none_now", "no unit can be had now; held ones may come back"},
		{paused, 409, oneSecond, "paused", "the sale is paused"},
		{closed, 410, nil, "closed", "the sale is closed"},
		{undecided, 503, oneSecond, "undecided", "nobody knows whether you have one: ask again"},
		{overLimit, 429, nil, "over_limit", tooManyDetail},
	} {
		v.prepared[o.outcome] = problemAnswer(o.status, o.code, o.retry, o.detail)
	}
	v.faults()
	v.won = frame{201, jsonType, []byte(`{"state":"pending","sale":"`), []byte(`"}`)}
	v.waiting = frame{202, jsonType, []byte(`{"state":"waiting","sale":"`), []byte(`"}`)}
	open := bytes.TrimSuffix(problemBody(429, "over_limit", tooManyDetail), []byte("}"))
	v.limited = frame{429, problemType, append(open, `,"sale":"`...), []byte(`"}`)}
	return v
}

// moreThanAllowed says that a buyer asks for more units than the sale lets one buyer have: it could not even as the first.
func (v *voice) moreThanAllowed(ctx *fasthttp.RequestCtx, sale *Sale) {
	if v.opens {
		problem(ctx, http.StatusUnprocessableEntity, "n_over_limit",
			fmt.Sprintf("one buyer may have %d of this sale: so many at once can never be had", sale.limit))
		return
	}
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.Response.SetBody(fmt.Appendf(nil, `{"code":%d,"msg":%q,"data":{"sale":%q,"limit_per_buyer":%d}}`, codeTooMuch,
		v.tooMuch, sale.name, sale.limit))
}

const tooManyDetail = "one buyer may have no more of this sale"

// faults are told in both voices the same way: something is wrong with the request.
func (v *voice) faults() {
	v.prepared[noBuyer] = problemAnswer(401, "no_buyer", nil,
		"this sale must know its buyers: say who you are, in X-Buyer-Id through a trusted proxy, or by a JWT")
	v.prepared[keyUsed] = problemAnswer(422, "key_used", nil,
		"this Idempotency-Key stands for another sale or another number of units")
	v.prepared[keyInFlight] = problemAnswer(409, "key_in_flight", oneSecond,
		"a request with this Idempotency-Key is being answered: ask again")
}

func problemAnswer(status int, code string, retry []byte, detail string) answer {
	d := detailsOf(status, code, detail)
	if retry != nil {
		d.RetryAfterMS = time.Second.Milliseconds()
	}
	return answer{status, problemType, retry, d.body()}
}

// opening is what buyers hear before a sale opens, but for the time that is left; made once, for the time does not change.
type opening struct {
	article    []byte
	head, tail []byte // v1's, around the milliseconds
}

func newOpening(sale *Sale, v *allotment.Verdict, article *voice) *opening {
	opens, o := time.UnixMicro(v.Opens).UTC(), &opening{}
	o.article = fmt.Appendf(nil, `%s,"data":{"sale":%q,"opens_at":%q}}`, bytes.TrimSuffix(article.prepared[unopened].body, []byte("}")),
		sale.name, opens.Format(time.RFC3339Nano))
	d := detailsOf(http.StatusTooEarly, "not_open", "the sale is not open yet")
	d.Opens, d.RetryAfterMS = &opens, 1
	body := d.body()
	at := bytes.Index(body, []byte(`1,"opens"`))
	o.head, o.tail = body[:at:at], body[at+1:]
	return o
}

var tooEarly = []byte(http.StatusText(http.StatusTooEarly)) // fasthttp does not know this one

// notOpen says when a sale opens, by the store's clock, and how long that is from now. It does not allocate once warm.
func (s *Server) notOpen(ctx *fasthttp.RequestCtx, sale *Sale, v *allotment.Verdict, in *voice) {
	o := sale.opening.Load()
	if o == nil {
		o = newOpening(sale, v, s.article)
		sale.opening.Store(o)
	}
	now := sale.StoreTime()
	if in.opens {
		var room [20]byte
		ctx.Response.SetStatusCode(http.StatusTooEarly)
		ctx.Response.Header.SetStatusMessage(tooEarly)
		ctx.Response.Header.SetContentTypeBytes(problemType)
		ctx.Response.AppendBody(o.head)
		ctx.Response.AppendBody(strconv.AppendInt(room[:0], max((v.Opens-now+999)/1000, 1), 10))
		ctx.Response.AppendBody(o.tail)
	} else {
		ctx.Response.Header.SetContentTypeBytes(jsonType)
		ctx.Response.SetBodyRaw(o.article)
	}
	retryIn(ctx, secondsUntil(now, v.Opens))
}
