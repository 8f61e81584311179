package identity

import (
	"net"
	"net/netip"
	"testing"
)

// FuzzTrust: a peer is trusted exactly if its address lies in a trusted network, whatever form address and network are written
// in.
func FuzzTrust(f *testing.F) {
	for _, seed := range [][2]string{{"127.0.0.0/8", "127.0.0.1"}, {"::1/128", "::1"}, {"::ffff:10.0.0.0/104", "10.1.2.3"},
		{"10.0.0.0/8", "::ffff:10.0.0.1"},
		{"0.0.0.0/0", "::1"}, {"::/0", "10.0.0.1"}, {"::ffff:0:0/95", "10.0.0.1"}, {"fe80::/10", "fe80::1%eth0"},
		{"10.0.0.1/32", "10.0.0.2"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, network, peer string) {
		p, err1 := netip.ParsePrefix(network)
		a, err2 := netip.ParseAddr(peer)
		if err1 != nil || err2 != nil {
			return
		}
		got := NewWho([]netip.Prefix{p}, nil).Trusts(net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 1)))
		plain, bits := p.Addr(), p.Bits()
		if plain.Is4In6() && bits >= 96 {
			plain, bits = plain.Unmap(), bits-96
		}
		a = a.Unmap().WithZone("")
		want := plain.Is4() == a.Is4() && netip.PrefixFrom(plain, bits).Masked() == netip.PrefixFrom(a, bits).Masked()
		if got != want {
			t.Errorf("%s trusts %s: %v", network, peer, got)
		}
	})
}
