//go:build integration

package process

import "testing"

func TestRedisOfOurOwn(t *testing.T) {
	r, err := StartRedis(t.Context(), t.TempDir(), "redis")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop()
	if err = r.CreateSale(t.Context(), "ticket", 100, 7); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Sold(t.Context(), "ticket"); n != 7 || err != nil {
		t.Fatalf("sold %d, %v", n, err)
	}
	if n, err := r.Scripts(t.Context()); n != 0 || err != nil {
		t.Fatalf("scripts %d, %v", n, err)
	}
}
