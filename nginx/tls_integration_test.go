//go:build integration

package nginx

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certify writes cert.pem and key.pem for 127.0.0.1, readable by nginx, and returns a pool that trusts them.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert},
		"key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		text := pem.EncodeToMemory(block)
		pool.AppendCertsFromPEM(text)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// TestTLS: buyers speak HTTP/1.1 or, if it is offered, HTTP/2. Edges get the same request either way.
func TestTLS(t *testing.T) {
	for _, offered := range []bool{false, true} {
		for _, wanted := range []bool{false, true} {
			dir, got := gateDir(t), make(chan *http.Request, 1)
			pool := certify(t, dir)
			edge := newHTTPServer(t,
				func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusConflict); got <- r })
			topology := Topology{TLS: &TLS{dir + "/cert.pem", dir + "/key.pem"}, HTTP2: offered, GateDir: dir,
				Edges: []Edge{{edge, 1}}}
			base := strings.Replace(start(t, topology, asRendered), "http://", "https://", 1)
			setFlag(t, dir, "gone", SoldOut)
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: wanted}
			if !wanted {
				transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
			}
			client := &http.Client{Transport: transport}
			major := 1
			if offered && wanted {
				major = 2
			}
			for path, status := range map[string]int{"/buy/ticket?n=2": http.StatusConflict, "/buy/gone": http.StatusOK} {
				r, err := client.Post(base+path, "", strings.NewReader(`{"n":1}`))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
				if r.StatusCode != status || r.ProtoMajor != major {
					t.Errorf("HTTP/2 offered %v, wanted %v: %s over %s", offered, wanted, r.Status, r.Proto)
				}
			}
			client.CloseIdleConnections()
			if r := <-got; r.Method != http.MethodPost || r.RequestURI != "/buy/ticket?n=2" || r.Proto != "HTTP/1.1" ||
				r.Header.Get("X-Real-IP") != "127.0.0.1" {
				t.Errorf("the edge heard %s %s %s %v", r.Method, r.RequestURI, r.Proto, r.Header)
			}
		}
	}
}

// TestOldTLSIsRefused: old versions are refused, and so is a client without TLS.
func TestOldTLSIsRefused(t *testing.T) {
	dir := gateDir(t)
	pool := certify(t, dir)
	topology := Topology{TLS: &TLS{dir + "/cert.pem", dir + "/key.pem"}, Edges: []Edge{{refusedAddrs(1)[0], 1}}}
	addr := strings.TrimPrefix(start(t, topology, asRendered), "http://")
	for version, welcome := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: version})
		if err == nil {
			_ = c.Close()
		}
		if welcome != (err == nil) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	if got := hear(t, addr, http.MethodGet, "/buy/ticket"); !strings.HasPrefix(got, "400 ") {
		t.Errorf("without TLS: %s", got)
	}
}
