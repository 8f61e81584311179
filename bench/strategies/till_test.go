package strategies

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"spike/bench/crowd"
)

func said(status int, body string) crowd.Answer {
	return crowd.Answer{Status: status, Body: []byte(body)}
}

// TestTillTakesEachPaymentOnce: the service refuses order 3, does not answer order 4, and is busy at first for all.
func TestTillTakesEachPaymentOnce(t *testing.T) {
	var mu sync.Mutex
	tries := map[string]int{}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		tries[r.URL.Path]++
		first := tries[r.URL.Path] == 1
		mu.Unlock()
		switch {
		case first || r.URL.Path == "/4":
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/3":
			w.WriteHeader(http.StatusConflict)
		}
	}))
	defer service.Close()
	shop := newTill(t.Context(), Options{NeverPay: 0},
		func(token string) string { return service.URL + "/" + token })
	for order := 1; order <= 4; order++ {
		shop.note(said(200, fmt.Sprintf(`{"code":1,"msg":"抢票成功","data":{"serial":%d,"token":"%d"}}`, order, order)))
	}
	shop.note(said(200, `{"code":-1,"msg":"已售罄"}`))
	shop.note(said(503, `{"code":1,"data":{"serial":9,"token":"9"}}`))
	shop.note(said(200, `{"code":1,"data":{"serial":"nine"}}`))
	shop.close()
	won, paid, refused, failed := shop.won.Load(), shop.paid.Load(), shop.refused.Load(), shop.failed.Load()
	if won != 5 || paid != 2 || refused != 1 || failed != 2 {
		t.Errorf("%d won, %d paid, %d refused, %d failed", won, paid, refused, failed)
	}
	if len(tries) != 4 || tries["/1"] != 2 || tries["/4"] != payTries {
		t.Errorf("tries %v", tries)
	}
}

func TestTillOfThoseWhoNeverPay(t *testing.T) {
	shop := newTill(t.Context(), Options{NeverPay: 100}, func(string) string { t.Error("somebody paid"); return "" })
	shop.note(said(200, `{"code":1,"data":{"token":"x"}}`))
	shop.close()
	if shop.won.Load() != 1 || shop.paid.Load()+shop.refused.Load()+shop.failed.Load() != 0 {
		t.Errorf("%d won, %d paid", shop.won.Load(), shop.paid.Load())
	}
}
