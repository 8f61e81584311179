package luascripts

import (
	"testing"

	"spike/luascripts/ledger"
)

// A group belongs to one database. A copy of that database gets the group only if the other place was silent since the copy
// last looked.
func testGroups(t *testing.T, s ledger.Store) {
	group := newSale(t, s, ledger.CreateRequest{Total: 1})
	bind := func(id, place string, beats uint64, take bool) ledger.Binding {
		t.Helper()
		return must[ledger.Binding](t)(s.BindGroup(bg, group, ledger.Binding{ID: id, Place: place, Name: id + "@" + place,
			Beats: beats}, take))
	}
	for i, c := range []struct {
		id, place string
		beats     uint64
		take      bool
		want      string
		at        uint64
	}{
		{"a", "here", 0, false, "a@here", 1},
		{"a", "here", 0, false, "a@here", 2},
		{"b", "here", 0, false, "a@here", 2},
		{"b", "here", 2, false, "a@here", 2}, // no silence gives the group to another database
		{"a", "there", 0, false, "a@here", 2},
		{"a", "there", 1, false, "a@here", 2},
		{"a", "there", 2, false, "a@there", 3},
		{"a", "here", 0, false, "a@there", 3},
		{"b", "here", 0, true, "b@here", 4},
		{"a", "there", 3, false, "b@here", 4},
	} {
		if got := bind(c.id, c.place, c.beats, c.take); got.Name != c.want || got.Beats != c.at {
			t.Errorf("%d: %+v, want %s at %d", i, got, c.want, c.at)
		}
	}
}

// EventsStored is the newest event of which it is sure that the group has acknowledged it and all before it.
func testEventsStored(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 10})
	g := ledger.Group{Name: "g", Consumer: "c"}
	var birth uint64
	want := func(n uint64) {
		t.Helper()
		got := must[ledger.Stored](t)(s.EventsStored(bg, sale, g))
		if birth == 0 {
			birth = got.Birth
		}
		if got.Number != n || got.Birth != birth {
			t.Errorf("%+v, want %d", got, n)
		}
	}
	want(0)
	for i := range uint64(4) {
		buyOne(t, s, sale, i+1)
	}
	want(0)
	evs := must[[]ledger.Event](t)(s.ReadEvents(bg, sale, g, 3))
	want(0)
	ack := func(i int) {
		t.Helper()
		if err := s.AckEvents(bg, sale, g, []string{evs[i].ID}); err != nil {
			t.Fatal(err)
		}
	}
	ack(1)
	want(0) // the first is still in hand
	ack(0)
	want(evs[1].Number)
	ack(2)
	want(evs[2].Number)
	if err := s.TrimEvents(bg, sale); err != nil {
		t.Fatal(err)
	}
	want(evs[2].Number)
}
