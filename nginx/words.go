package nginx

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// format is nginx's own answers to one kind of client: the article's at /buy, or /v1.
type format struct {
	Type                                 string // Content-Type
	SoldOut, NoneNow, Undecided, TooMany answer
}

// answer is one of them. A test compares those that edges also give with a live edge's, byte for byte.
type answer struct {
	Status int
	Retry  bool   // with Retry-After
	Body   string // JSON without a single quote or a dollar sign, because both mean something to nginx
}

// codeTooMany stands beside the edges' codes, which are down to -6, -8 and -9.
const codeTooMany = -7

// articles are the formats of /buy by language.
var articles = map[string]format{
	"zh": newArticle("已售罄", "已售罄", "系统繁忙，请稍后重试", "请求过于频繁，请稍后重试"),
	"en": newArticle("sold out", "none left for now", "busy, try again", "too many requests, try again later"),
}

func newArticle(soldOut, noneNow, undecided, tooMany string) format {
	say := func(status int, retry bool, code int, msg string) answer {
		return answer{status, retry, fmt.Sprintf(`{"code":%d,"msg":%q}`, code, msg)}
	}
	return format{
		Type:      "application/json",
		SoldOut:   say(http.StatusOK, false, -1, soldOut),
		NoneNow:   say(http.StatusOK, true, -1, noneNow),
		Undecided: say(http.StatusServiceUnavailable, true, -5, undecided),
		TooMany:   say(http.StatusTooManyRequests, true, codeTooMany, tooMany),
	}
}

// v1 is in English only, as the edges' is.
var v1 = format{
	Type: "application/problem+json",
	SoldOut: problem(http.StatusGone, false, "sold_out",
		"every unit has its owner, and no more come unless the operator adds some"),
	NoneNow:   problem(http.StatusConflict, true, "none_now", "no unit can be had now; held ones may come back"),
	Undecided: problem(http.StatusServiceUnavailable, true, "undecided", "nobody knows whether you have one: ask again"),
	TooMany:   problem(http.StatusTooManyRequests, true, "too_many_requests", "fewer requests a second, please"),
}

// buyByPost is the edges' answer to a buy by another method, where buys go by POST alone.
var buyByPost = problem(http.StatusMethodNotAllowed, false, "method_not_allowed", "this is POST")

// tooLarge is the edges' answer, at every path, to a body over 16 KiB.
var tooLarge = problem(http.StatusRequestEntityTooLarge, false, "body_too_large", "bodies are at most 16 KiB")

// problem is an error after RFC 9457, its fields in the edges' order.
func problem(status int, retry bool, code, detail string) answer {
	p := struct {
		Type         string `json:"type"`
		Title        string `json:"title"`
		Status       int    `json:"status"`
		Code         string `json:"code"`
		Detail       string `json:"detail"`
		RetryAfterMS int    `json:"retry_after_ms,omitempty"`
	}{"about:blank", http.StatusText(status), status, code, detail, 0}
	if retry {
		p.RetryAfterMS = 1000
	}
	body, _ := json.Marshal(p) // strings and numbers: this cannot fail
	return answer{status, retry, string(body)}
}
