package answer

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/buy"
	"spike/edge/sales"
	"spike/edge/token"
)

// Format answers buys in one way: the article's, or the v1 API's.
type Format struct {
	signer   *token.Signer
	again    Spread
	prepared [buy.Outcomes]replies // answers that are the same for everybody
	won      frame
	limited  frame // over the limit, with the buyer's own pending reservation
	entered  frame
	early    frame  // not open yet
	problems bool   // "not open yet" and "too many units" are problems
	tooMuch  string // the article's message for "too many units"
}

// Codes of the article's contract, and Spike's own.
const (
	CodeWon       = 1
	CodeSoldOut   = -1
	CodeUnopened  = -2
	CodeClosed    = -3
	CodeOverLimit = -4
	CodeUndecided = -5
	CodeEntered   = -6
	CodeTooMuch   = -8 // -7 is nginx's
	CodePaused    = -9
)

var phrases = map[string][buy.Outcomes]string{
	"zh": {
		buy.SoldOut: "已售罄", buy.NoneNow: "已售罄", buy.Paused: "暂停销售，请稍后重试", buy.Unopened: "尚未开售",
		buy.Closed: "已结束", buy.Undecided: "系统繁忙，请稍后重试", buy.Won: "抢票成功", buy.OverLimit: "已达限购数量",
		buy.Entered: "已登记，等待抽签", buy.TooMuch: "超过每人限购数量",
	},
	"en": {
		buy.SoldOut: "sold out", buy.NoneNow: "none left for now", buy.Paused: "paused, try again later", buy.Unopened: "not open yet",
		buy.Closed: "closed", buy.Undecided: "busy, try again", buy.Won: "yours",
		buy.OverLimit: "you have as many as one buyer may have", buy.Entered: "you have a lot: wait for the draw",
		buy.TooMuch: "one buyer may never have so many",
	},
}

// Article is the format of /buy, in one of the languages zh and en.
func Article(lang string, signer *token.Signer, again Spread) *Format {
	say := phrases[lang]
	f := &Format{signer: signer, again: again, tooMuch: say[buy.TooMuch]}
	fixed := func(o buy.Outcome, status, code int) Reply {
		return Reply{Status: status, Kind: jsonType, Body: fmt.Appendf(nil, `{"code":%d,"msg":%q}`, code, say[o])}
	}
	for o, code := range map[buy.Outcome]int{buy.SoldOut: CodeSoldOut, buy.Closed: CodeClosed, buy.OverLimit: CodeOverLimit} {
		f.prepared[o] = replies{fixed(o, 200, code)}
	}
	f.prepared[buy.NoneNow] = again.each(fixed(buy.NoneNow, 200, CodeSoldOut))
	f.prepared[buy.Paused] = again.each(fixed(buy.Paused, 200, CodePaused))
	f.prepared[buy.Undecided] = again.each(fixed(buy.Undecided, 503, CodeUndecided))
	around := func(code int, o buy.Outcome) frame {
		return frame{200, jsonType, fmt.Appendf(nil, `{"code":%d,"msg":%q,"data":{"sale":"`, code, say[o]), []byte(`"}}`)}
	}
	f.won, f.limited, f.entered = around(CodeWon, buy.Won), around(CodeOverLimit, buy.OverLimit), around(CodeEntered, buy.Entered)
	f.early = around(CodeUnopened, buy.Unopened)
	return f.complete()
}

const overLimit = "one buyer would have more of this sale than it may have"

// V1 is the format of /v1.
func V1(signer *token.Signer, again Spread) *Format {
	f := &Format{signer: signer, again: again, problems: true}
	for o, p := range map[buy.Outcome]*Problem{
		buy.SoldOut:   NewProblem(410, "sold_out", "every unit has its owner, and no more come unless the operator adds some"),
		buy.Closed:    NewProblem(410, "closed", "the sale is closed"),
		buy.OverLimit: NewProblem(429, "over_limit", overLimit),
	} {
		f.prepared[o] = replies{p.Reply()}
	}
	for o, p := range map[buy.Outcome]*Problem{
		buy.NoneNow:   NewProblem(409, "none_now", "no unit can be had now; held ones may come back"),
		buy.Paused:    NewProblem(409, "paused", "the sale is paused"),
		buy.Undecided: NewProblem(503, "undecided", "nobody knows whether you have one: ask again"),
	} {
		f.prepared[o] = again.problems(p)
	}
	f.won = frame{201, jsonType, []byte(`{"state":"pending","sale":"`), []byte(`"}`)}
	f.entered = frame{202, jsonType, []byte(`{"state":"waiting","sale":"`), []byte(`"}`)}
	open := func(p *Problem) []byte { return bytes.TrimSuffix(p.body(), []byte("}")) }
	f.limited = frame{429, problemType, append(open(NewProblem(429, "over_limit", overLimit)), `,"sale":"`...), []byte(`"}`)}
	early := NewProblem(425, "not_open", "the sale is not open yet")
	f.early = frame{425, problemType, append(open(early), `,"retry_after_ms":`...), []byte(`"}`)}
	return f.complete()
}

// complete adds the answers that are the same in both formats, to requests that are wrong. An outcome without an answer gets that
// of Undecided.
func (f *Format) complete() *Format {
	for o, p := range map[buy.Outcome]*Problem{
		buy.NoBuyer:   noBuyer,
		buy.KeyUsed:   NewProblem(422, "key_used", "this Idempotency-Key stands for another number of units"),
		buy.OneTicket: NewProblem(400, "bad_n", "n is 1 while lots are to be drawn"),
		buy.NoSale:    NewProblem(404, "no_such_sale", "there is no such sale"),
	} {
		f.prepared[o] = replies{p.Reply()}
	}
	for o := range f.prepared {
		if f.prepared[o] == nil {
			f.prepared[o] = f.prepared[buy.Undecided]
		}
	}
	return f
}

// Write writes the answer to a buy. sale is nil if there is none.
func (f *Format) Write(to *fasthttp.Response, sale *sales.Sale, d *buy.Decision) {
	switch {
	case d.Outcome == buy.Won:
		f.won.reservation(to, f.signer, sale, d)
	case d.Outcome == buy.OverLimit && d.Sold.Count > 0:
		f.limited.reservation(to, f.signer, sale, d)
	case d.Outcome == buy.Entered:
		f.entered.ticket(to, f.signer, f.again, sale, d)
	case d.Outcome == buy.Unopened:
		f.notOpen(to, sale, d)
	case d.Outcome == buy.Refused:
		r := refused(d.Why)
		r.Send(to)
	case d.Outcome == buy.TooMuch:
		r := f.moreThanAllowed(sale)
		r.Send(to)
	default:
		f.prepared[d.Outcome].any().Send(to)
	}
}

// moreThanAllowed answers a buy of more units than one buyer may ever have.
func (f *Format) moreThanAllowed(sale *sales.Sale) Reply {
	if f.problems {
		return NewProblem(http.StatusUnprocessableEntity, "n_over_limit",
			fmt.Sprintf("one buyer may have %d of this sale: so many at once can never be had", sale.Limit)).Reply()
	}
	return Reply{Status: 200, Kind: jsonType, Body: fmt.Appendf(nil, `{"code":%d,"msg":%q,"data":{"sale":%q,"limit_per_buyer":%d}}`,
		CodeTooMuch, f.tooMuch, sale.Name, sale.Limit)}
}

var tooEarly = []byte(http.StatusText(http.StatusTooEarly)) // fasthttp does not know this status

// notOpen says when the sale opens, by the store's clock, and how long that is from now. It does not allocate once fasthttp's
// buffers are warm.
func (f *Format) notOpen(to *fasthttp.Response, sale *sales.Sale, d *buy.Decision) {
	var room [512]byte
	now, opens, text := sale.StoreTime(), time.UnixMicro(d.At).UTC(), append(room[:0], f.early.head...)
	if f.problems {
		to.Header.SetStatusMessage(tooEarly)
		text = strconv.AppendInt(text, millisecondsUntil(now, d.At), 10)
		text = opens.AppendFormat(append(text, `,"opens":"`...), time.RFC3339Nano)
	} else {
		text = append(text, sale.Name...)
	}
	text = append(text, `","opens_in_ms":`...)
	text = appendClock(strconv.AppendInt(text, millisecondsUntil(now, d.At), 10), now)
	f.early.send(to, opens.AppendFormat(append(text, `,"opens_at":"`...), time.RFC3339Nano))
	retryIn(to, secondsUntil(now, d.At))
}

// frame is the fixed part of an answer.
type frame struct {
	status     int
	kind       []byte // content type
	head, tail []byte // the JSON before and after the part that varies
}

// send writes text, which begins with the head, and the tail.
func (f *frame) send(to *fasthttp.Response, text []byte) {
	if f.status != fasthttp.StatusOK {
		to.SetStatusCode(f.status)
	}
	to.Header.SetContentTypeBytes(f.kind)
	to.AppendBody(append(text, f.tail...))
}

// reservation answers with a reservation. It does not allocate once fasthttp's buffer is warm.
func (f *frame) reservation(to *fasthttp.Response, signer *token.Signer, sale *sales.Sale, d *buy.Decision) {
	var room [1024]byte
	f.send(to, f.appendReservation(room[:0], signer, sale, d))
}

// appendReservation appends the frame's head and the reservation.
func (f *frame) appendReservation(b []byte, signer *token.Signer, sale *sales.Sale, d *buy.Decision) []byte {
	b = append(append(b, f.head...), sale.Name...)
	b = append(b, `","serial":`...)
	b = strconv.AppendUint(b, uint64(d.Sold.Serial), 10)
	if d.Sold.Count > 1 {
		b = append(b, `,"count":`...)
		b = strconv.AppendUint(b, uint64(d.Sold.Count), 10)
	}
	b = append(b, `,"reservation":"`...)
	b = d.Sold.AppendReservation(b, sale.Birth)
	b = append(b, '"')
	if sale.Hold > 0 {
		b = append(b, `,"expires_in_ms":`...)
		b = strconv.AppendInt(b, max(d.Sold.Left/1000, 0), 10)
	}
	b = append(b, `,"token":"`...)
	b = signer.Append(b, sale.Birth, &d.Sold.Claim)
	if sale.Hold > 0 {
		b = append(b, `","expires_at":"`...)
		b = time.UnixMicro(d.Sold.Until).UTC().AppendFormat(b, time.RFC3339)
	}
	return b
}

// ticket answers with a ticket.
func (f *frame) ticket(to *fasthttp.Response, signer *token.Signer, again Spread, sale *sales.Sale, d *buy.Decision) {
	var room [512]byte
	b := append(append(room[:0], f.head...), sale.Name...)
	b = append(b, `","claim":"`...)
	b = signer.AppendTicket(b, token.Ticket{Birth: sale.Birth, Buyer: d.Sold.Buyer})
	b = append(b, `","draws_at":"`...)
	b = time.UnixMicro(d.At).UTC().AppendFormat(b, time.RFC3339Nano)
	f.send(to, b)
	retryIn(to, secondsUntil(sale.StoreTime(), d.At)+again.later())
}
