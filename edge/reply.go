package edge

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/allotment"
)

// Codes of the article's contract, and ours beside them.
const (
	codeWon       = 1
	codeSoldOut   = -1
	codeUnopened  = -2
	codeClosed    = -3
	codeUndecided = -5
)

// MaxUnits is the most one buy may ask for.
const MaxUnits = 100

var (
	jsonType    = []byte("application/json")
	problemType = []byte("application/problem+json")
	retryAfter  = []byte(fasthttp.HeaderRetryAfter)
	oneSecond   = []byte("1")
)

// answer is a reply that is the same for everybody.
type answer struct {
	status int
	retry  []byte // Retry-After in seconds, nil for none
	body   []byte
}

// answers has one for each outcome but a win, in both languages.
type answers [outcomes]answer

var phrases = map[string][outcomes]string{
	"zh": {
		allotment.SoldOut: "已售罄", allotment.NoneNow: "已售罄", allotment.Paused: "暂停销售，请稍后重试",
		allotment.Unopened: "尚未开售", allotment.Closed: "已结束", allotment.Undecided: "系统繁忙，请稍后重试", won: "抢票成功",
	},
	"en": {
		allotment.SoldOut: "sold out", allotment.NoneNow: "none left for now", allotment.Paused: "paused, try again later",
		allotment.Unopened: "not open yet", allotment.Closed: "closed", allotment.Undecided: "busy, try again", won: "yours",
	},
}

func newAnswers(lang string) answers {
	say := phrases[lang]
	prepared := func(o allotment.Reason, status, code int, retry []byte) answer {
		return answer{status, retry, fmt.Appendf(nil, `{"code":%d,"msg":%q}`, code, say[o])}
	}
	return answers{
		allotment.SoldOut:   prepared(allotment.SoldOut, 200, codeSoldOut, nil),
		allotment.NoneNow:   prepared(allotment.NoneNow, 200, codeSoldOut, oneSecond),
		allotment.Paused:    prepared(allotment.Paused, 200, codeSoldOut, oneSecond),
		allotment.Unopened:  prepared(allotment.Unopened, 200, codeUnopened, oneSecond),
		allotment.Closed:    prepared(allotment.Closed, 200, codeClosed, nil),
		allotment.Undecided: prepared(allotment.Undecided, 503, codeUndecided, oneSecond),
		// Refused has no phrase: each says what is wrong.
	}
}

// send writes a prepared answer. Its body is never changed, so it need not be copied.
func (a *answer) send(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	if a.status != fasthttp.StatusOK {
		ctx.Response.SetStatusCode(a.status)
	}
	if a.retry != nil {
		ctx.Response.Header.SetCanonical(retryAfter, a.retry)
	}
	ctx.Response.SetBodyRaw(a.body)
}

// problem is an error after RFC 9457, with a code that does not change.
func problem(ctx *fasthttp.RequestCtx, status int, code, detail string) {
	ctx.Response.Reset()
	ctx.Response.SetStatusCode(status)
	ctx.Response.Header.SetContentTypeBytes(problemType)
	ctx.Response.SetBody(problemBody(status, code, detail))
}

func problemBody(status int, code, detail string) []byte {
	body, _ := json.Marshal(struct { // strings and a number: cannot fail
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{"about:blank", fasthttp.StatusMessage(status), status, code, detail})
	return body
}

// sendWon writes a win: no allocation once fasthttp's buffer is warm.
func (s *Server) sendWon(ctx *fasthttp.RequestCtx, sale *Sale, sold *allotment.Sold) {
	var room [512]byte
	b := append(room[:0], s.wonHead...)
	b = append(b, sale.name...)
	b = append(b, `","serial":`...)
	b = strconv.AppendUint(b, uint64(sold.Serial), 10)
	if sold.Count > 1 {
		b = append(b, `,"count":`...)
		b = strconv.AppendUint(b, uint64(sold.Count), 10)
	}
	b = append(b, `,"token":"`...)
	b = s.signer.Append(b, sale.birth, &sold.Claim)
	if sale.hold > 0 {
		b = append(b, `","expires_at":"`...)
		b = time.UnixMicro(sold.Until).UTC().AppendFormat(b, time.RFC3339)
	}
	b = append(b, `"}}`...)
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.Response.AppendBody(b)
}

func wonHead(lang string) []byte {
	return fmt.Appendf(nil, `{"code":%d,"msg":%q,"data":{"sale":"`, codeWon, phrases[lang][won])
}
