package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"spike/luascripts/ledger"
)

// Limits of GET /api/v1/sales.
const (
	listUsual   = 100   // items of an answer
	listMost    = 500   // items of an answer, at most
	looksMost   = 1_000 // sales that one request looks at, because few may have the doors that it wants
	looksAtOnce = 16
)

// listing answers GET /api/v1/sales.
type listing struct {
	Sales []string `json:"sales"` // all names, or those of the items if the request has a parameter
	Items []Item   `json:"items"`
	Next  string   `json:"next,omitempty"` // the `after` of the next page; "": this was all
}

// Item is a sale of a listing. A sale that makes no sense has no description, and Trouble says why.
type Item struct {
	Sale string `json:"sale"`
	*Description
	Trouble string `json:"trouble,omitempty"`
}

// page is what a request wants listed.
type page struct {
	all   bool // the request has no parameter
	after string
	limit int
	doors []string // none: any
}

var doorWords = []string{ledger.Open.Word(), ledger.Paused.Word(), ledger.Closed.Word(), ledger.Unopened.Word(),
	ledger.Drawing.Word()}

func pageOf(q url.Values) (page, error) {
	p := page{all: !q.Has("after") && !q.Has("limit") && !q.Has("doors"), after: q.Get("after"), limit: listUsual, doors: q["doors"]}
	if q.Has("limit") {
		n, err := strconv.Atoi(q.Get("limit"))
		if err != nil || n < 1 || n > listMost {
			return p, badRequest("limit", fmt.Sprintf("1 to %d", listMost))
		}
		p.limit = n
	}
	for _, word := range p.doors {
		if !slices.Contains(doorWords, word) {
			return p, badRequest("doors", fmt.Sprintf("one of %v", doorWords))
		}
	}
	return p, nil
}

// has says whether the page is to have this sale.
func (p page) has(i Item) bool {
	return len(p.doors) == 0 || i.Description != nil && slices.Contains(p.doors, i.Doors)
}

func (s *Side) listSales(w http.ResponseWriter, r *http.Request) {
	p, err := pageOf(r.URL.Query())
	var out listing
	if err == nil {
		out, err = s.list(r.Context(), p)
	}
	reply(w, http.StatusOK, out, err)
}

// list looks at the sales after p.after until the page is full. It looks at looksMost sales at the most.
func (s *Side) list(ctx context.Context, p page) (listing, error) {
	names, err := s.Store.List(ctx)
	out := listing{Sales: append([]string{}, names...), Items: []Item{}}
	rest := names
	if i, found := slices.BinarySearch(names, p.after); found {
		rest = names[i+1:]
	} else {
		rest = names[i:]
	}
	for looked := 0; err == nil && len(rest) > 0 && len(out.Items) < p.limit && looked < looksMost; {
		some := rest[:min(p.limit-len(out.Items), len(rest), looksMost-looked)]
		var items []Item
		items, err = LookAt(ctx, s.Store, some)
		out.Items = append(out.Items, slices.DeleteFunc(items, func(i Item) bool { return i.Sale == "" || !p.has(i) })...)
		rest, looked, out.Next = rest[len(some):], looked+len(some), some[len(some)-1]
	}
	if len(rest) == 0 {
		out.Next = ""
	}
	if !p.all {
		out.Sales = make([]string, len(out.Items))
		for i := range out.Items {
			out.Sales[i] = out.Items[i].Sale
		}
	}
	return out, err
}

// LookAt describes sales. A sale that is gone meanwhile has no name.
func LookAt(ctx context.Context, store ledger.News, names []string) ([]Item, error) {
	items := make([]Item, len(names))
	var looks errgroup.Group
	looks.SetLimit(looksAtOnce)
	for i, name := range names {
		looks.Go(func() (err error) {
			items[i], err = lookAt(ctx, store, name)
			return err
		})
	}
	return items, looks.Wait()
}

func lookAt(ctx context.Context, store ledger.News, name string) (Item, error) {
	shown, err := store.Show(ctx, name)
	refusal, refused := errors.AsType[*ledger.Refusal](err)
	switch {
	case errors.Is(err, ledger.ErrNoSale):
		return Item{}, nil
	case refused:
		return Item{Sale: name, Trouble: refusal.Why}, nil
	case err != nil:
		return Item{}, err
	}
	d := Describe(name, shown)
	return Item{Sale: name, Description: &d, Trouble: d.Trouble}, nil
}
