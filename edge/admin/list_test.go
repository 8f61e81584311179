package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"spike/edge/internal/storetest"
	"spike/luascripts/ledger"
)

// counting counts looks at sales. One sale of it makes no sense, and one is gone when it is looked at.
type counting struct {
	ledger.Store
	shows atomic.Int64
}

func (c *counting) Show(ctx context.Context, sale string) (ledger.ShowReply, error) {
	c.shows.Add(1)
	switch sale {
	case "s0003":
		return ledger.ShowReply{}, &ledger.Refusal{Code: "BADSALE", Why: "ticket_total_nums is missing"}
	case "s0004":
		return ledger.ShowReply{}, ledger.ErrNoSale
	}
	return c.Store.Show(ctx, sale)
}

// manySales is a store with n sales s0001, s0002, …; each tenth is paused.
func manySales(t *testing.T, n int) *counting {
	store := storetest.Embedded(t, 1, 0)
	if err := store.Remove(t.Context(), "ticket"); err != nil && !errors.Is(err, ledger.ErrNoSale) {
		t.Fatal(err)
	}
	for i := 1; i <= n; i++ {
		name := fmt.Sprintf("s%04d", i)
		_, err := store.Create(t.Context(), name, ledger.CreateRequest{Total: uint64(i), Hold: time.Minute})
		if err == nil && i%10 == 0 {
			_, err = store.Change(t.Context(), name, ledger.ChangeRequest{To: "paused"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &counting{Store: store}
}

// pages walks all pages of a listing, and has the names of its items.
func pages(t *testing.T, o operator, query string) (names []string) {
	t.Helper()
	after := ""
	for range 10_000 {
		status, says := o.does("GET", "/api/v1/sales?"+query+"&after="+after, "")
		if status != 200 {
			t.Fatalf("%d %v", status, says)
		}
		for _, i := range says["items"].([]any) {
			names = append(names, i.(map[string]any)["sale"].(string))
		}
		next, more := says["next"].(string)
		if !more {
			return names
		}
		after = next
	}
	t.Fatal("there is no last page")
	return nil
}

func TestListPages(t *testing.T) {
	store := manySales(t, 25)
	o := newOperator(store)
	all, _ := store.List(t.Context())
	gone := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == "s0004" })
	for _, limit := range []int{1, 7, 25, 500} {
		if names := pages(t, o, fmt.Sprint("limit=", limit)); !slices.Equal(names, gone) {
			t.Errorf("limit %d: %v", limit, names)
		}
	}
	if names := pages(t, o, "doors=paused&limit=1"); !slices.Equal(names, []string{"s0010", "s0020"}) {
		t.Errorf("paused: %v", names)
	}
	if names := pages(t, o, "doors=closed"); names != nil {
		t.Errorf("closed: %v", names)
	}
}

// Without a parameter the answer has all names, as it always had.
func TestListNamesAllSales(t *testing.T) {
	o := newOperator(manySales(t, listUsual+50))
	_, says := o.does("GET", "/api/v1/sales", "")
	if names, items := says["sales"].([]any), says["items"].([]any); len(names) != listUsual+50 || len(items) != listUsual ||
		says["next"] != "s0101" {
		t.Errorf("%d names, %d items, then %v", len(names), len(items), says["next"])
	}
	for _, i := range says["items"].([]any) {
		switch item := i.(map[string]any); item["sale"] {
		case "s0003":
			if len(item) != 2 || item["trouble"] != "ticket_total_nums is missing" {
				t.Errorf("a sale that makes no sense: %v", item)
			}
		case "s0010":
			if item["doors"] != "paused" || item["free"] != 10.0 || item["hold_seconds"] != 60.0 || item["trouble"] != nil {
				t.Errorf("a paused sale: %v", item)
			}
		}
	}
}

// A request that wants rare sales looks at so many, and no more.
func TestListLooksAreBounded(t *testing.T) {
	store := manySales(t, looksMost+10)
	o := newOperator(store)
	_, says := o.does("GET", "/api/v1/sales?doors=closed", "")
	if looks := store.shows.Load(); looks != looksMost || len(says["items"].([]any)) != 0 || says["next"] != "s1000" {
		t.Errorf("%d looks, then %v", looks, says["next"])
	}
	if _, says = o.does("GET", "/api/v1/sales?doors=closed&after=s1000", ""); says["next"] != nil {
		t.Errorf("then %v", says["next"])
	}
}
