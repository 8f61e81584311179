package answer

import (
	"bytes"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"spike/edge/buy"
	"spike/edge/sales"
)

// Wire has a Format's answers to plain buys as the bytes that fasthttp would send. fasthttp itself writes the frequent ones once,
// and Wire cuts them at the date and the length. fasthttp writes each of the others.
type Wire struct {
	format *Format
	server string
	finish func(*fasthttp.Response)
	date   atomic.Pointer[[]byte]
	fixed  [buy.Outcomes]parts
	spread [buy.Outcomes][]parts // the same with each other Retry-After, if there are several
	won    parts
}

// parts are the bytes before the date, the bytes after it, and, if a body follows, the bytes after its length.
type parts struct{ head, middle, tail []byte }

// frequent is the outcomes that are written once, besides Won.
var frequent = [...]buy.Outcome{buy.SoldOut, buy.NoneNow, buy.Paused, buy.Closed}

// NewWire prepares the answers. server is the server's name, and finish adds what every answer has. The caller must call Tick
// every second.
func NewWire(f *Format, server string, finish func(*fasthttp.Response)) *Wire {
	w := &Wire{format: f, server: server, finish: finish}
	render := func(r Reply) parts {
		var resp fasthttp.Response
		resp.Header.SetServer(server)
		r.Send(&resp)
		finish(&resp)
		return cut(resp.String())
	}
	for _, o := range frequent {
		w.fixed[o] = render(f.prepared[o][0])
		for _, r := range f.prepared[o][1:] {
			w.spread[o] = append(w.spread[o], render(r))
		}
	}
	w.won = render(Reply{Status: f.won.status, Kind: f.won.kind, Body: []byte(bodyMark)})
	w.won.middle, w.won.tail = around(w.won.middle, strconv.Itoa(len(bodyMark)))
	w.won.tail = bytes.TrimSuffix(w.won.tail, []byte(bodyMark))
	w.Tick(time.Now())
	return w
}

const (
	bodyMark = "body"
	dateName = "Date: "
	lenName  = "Content-Length: "
)

// cut cuts an answer at its date.
func cut(text string) parts {
	at := bytes.Index([]byte(text), []byte("\r\n"+dateName)) + len("\r\n"+dateName)
	return parts{head: []byte(text[:at]), middle: []byte(text[at+len(time.RFC1123):])}
}

// around cuts the end of an answer at its length.
func around(b []byte, length string) (before, after []byte) {
	before, after, _ = bytes.Cut(b, []byte(lenName+length))
	return append(bytes.Clone(before), lenName...), bytes.Clone(after)
}

// Tick sets the date of answers.
func (w *Wire) Tick(now time.Time) {
	date := fasthttp.AppendHTTPDate(nil, now)
	w.date.Store(&date)
}

// answer is one of the answers that an outcome may have.
func (w *Wire) answer(o buy.Outcome) *parts {
	if others := w.spread[o]; others != nil {
		if n := pick(len(others) + 1); n > 0 {
			return &others[n-1]
		}
	}
	return &w.fixed[o]
}

// Append appends the answer to a buy. It allocates only if b is too small, or if the answer is not one of the frequent ones.
func (w *Wire) Append(b []byte, sale *sales.Sale, d *buy.Decision) []byte {
	switch {
	case d.Outcome == buy.Won:
		return w.appendWon(b, sale, d)
	case w.fixed[d.Outcome].head == nil:
		return w.appendOther(b, sale, d)
	}
	p := w.answer(d.Outcome)
	return append(append(append(b, p.head...), *w.date.Load()...), p.middle...)
}

func (w *Wire) appendWon(b []byte, sale *sales.Sale, d *buy.Decision) []byte {
	f := &w.format.won
	b = append(append(append(b, w.won.head...), *w.date.Load()...), w.won.middle...)
	begin := len(b)
	b = append(f.appendReservation(b, w.format.signer, sale, d), f.tail...)
	var room [20]byte
	length := strconv.AppendInt(room[:0], int64(len(b)-begin), 10)
	return slices.Insert(slices.Insert(b, begin, w.won.tail...), begin, length...)
}

// appendOther has fasthttp write the answer.
//
//go:noinline
func (w *Wire) appendOther(b []byte, sale *sales.Sale, d *buy.Decision) []byte {
	r := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(r)
	r.Header.SetServer(w.server)
	w.format.Write(r, sale, d)
	w.finish(r)
	out := bytes.NewBuffer(b)
	_, _ = r.WriteTo(out) // a buffer takes all
	return out.Bytes()
}
