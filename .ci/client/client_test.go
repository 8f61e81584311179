package client

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

const wait = time.Minute // a busy machine takes its time

// TestGeneratedClientBuys has the generated client make a sale, buy, confirm, and audit the sale, on a running edge.
func TestGeneratedClientBuys(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	buyers, operators := startEdge(t, ctx)
	made, err := operators.CreateSaleWithResponse(ctx, NewSale{Sale: "concert", Total: 5})
	if heard(t, err); made.JSON201 == nil || made.JSON201.Free != 5 {
		t.Fatalf("create: %s", made.Body)
	}
	units := 2
	bought, err := buyers.BuyByGetWithResponse(ctx, "concert", &BuyByGetParams{N: &units})
	if heard(t, err); bought.JSON200 == nil || bought.JSON200.Code != CodeWon {
		t.Fatalf("buy: %s", bought.Body)
	}
	won, err := bought.JSON200.AsBoughtWon()
	if heard(t, err); won.Data.Sale != "concert" || won.Data.Count == nil || *won.Data.Count != units {
		t.Fatalf("buy: %s", bought.Body)
	}
	reserved, err := buyers.ReserveWithResponse(ctx, "concert", nil, ReserveJSONRequestBody{})
	if heard(t, err); reserved.JSON201 == nil {
		t.Fatalf("reserve: %s", reserved.Body)
	}
	paid, err := operators.ConfirmReservationWithResponse(ctx, won.Data.Token)
	if heard(t, err); paid.JSON200 == nil || paid.JSON200.Serial != won.Data.Serial {
		t.Fatalf("confirm: %s", paid.Body)
	}
	shown, err := buyers.ShowReservationWithResponse(ctx, won.Data.Token)
	if heard(t, err); shown.JSON200 == nil || shown.JSON200.State != ReservationOrLotStateConfirmed {
		t.Fatalf("show: %s", shown.Body)
	}
	audited(t, ctx, operators, 2, 1)
}

// audited waits until the sale's audit says so much: the ledger hears a little later what an edge has sold.
func audited(t *testing.T, ctx context.Context, operators *ClientWithResponses, confirmed, pending int64) {
	t.Helper()
	for {
		audit, err := operators.AuditSaleWithResponse(ctx, "concert")
		if heard(t, err); audit.JSON200 == nil || !audit.JSON200.Ok || audit.JSON200.Total != 5 {
			t.Fatalf("audit: %s", audit.Body)
		}
		if audit.JSON200.Confirmed == confirmed && audit.JSON200.Pending == pending {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestGeneratedClientHearsNo has the generated client read a problem, by its code.
func TestGeneratedClientHearsNo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	buyers, operators := startEdge(t, ctx)
	none, err := buyers.ReserveWithResponse(ctx, "none", nil, ReserveJSONRequestBody{})
	if heard(t, err); none.ApplicationproblemJSON404 == nil || none.ApplicationproblemJSON404.Code != NoSuchSaleCodeNoSuchSale {
		t.Errorf("reserve: %s", none.Body)
	}
	lost, err := operators.ConfirmReservationWithResponse(ctx, "none")
	if heard(t, err); lost.ApplicationproblemJSON404 == nil || lost.Headers404 == nil {
		t.Errorf("confirm: %s", lost.Body)
	}
}

// heard fails the test if there was no answer, or if the client cannot read it.
func heard(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// startEdge starts an edge that sells from memory, and has a client for each of its sides.
func startEdge(t *testing.T, ctx context.Context) (buyers, operators *ClientWithResponses) {
	t.Helper()
	binary := os.Getenv("SPIKE_BIN")
	if binary == "" {
		t.Fatal("SPIKE_BIN names no binary: run this by `make clients`")
	}
	addr, admin := freeAddr(t), freeAddr(t)
	var said bytes.Buffer
	edge := exec.Command(binary, "serve", "--listen", addr, "--admin", admin, "--drain", "0s")
	edge.Stderr = &said
	if err := edge.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = edge.Process.Signal(syscall.SIGTERM)
		if err := edge.Wait(); err != nil {
			t.Errorf("the edge: %v\n%s", err, &said)
		}
	})
	buyers, operators = clientOf(t, addr), clientOf(t, admin)
	for {
		if ready, err := operators.ReadyWithResponse(ctx); err == nil && ready.StatusCode() == http.StatusOK {
			return buyers, operators
		}
		if ctx.Err() != nil {
			t.Fatal("the edge is not ready")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func clientOf(t *testing.T, addr string) *ClientWithResponses {
	t.Helper()
	c, err := NewClientWithResponses("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
