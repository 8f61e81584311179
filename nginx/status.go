package nginx

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// StatusPath is where nginx tells its own counts.
const StatusPath = "/.spike/status"

const (
	statusOn  = "on"
	statusOff = "off"
)

func (t Topology) checkStatus() error {
	if t.Status == statusOn || t.Status == statusOff {
		return nil
	}
	host, _, err := splitAddr(t.Status)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() || ip.Zone() != "" {
		return fmt.Errorf("%q is neither on, off nor a loopback address such as 127.0.0.1:8081", t.Status)
	}
	if t.Status == t.Listen {
		return fmt.Errorf("%s is where buyers connect", t.Status)
	}
	return nil
}

// StatusAmongBuyers says that nginx tells its counts where buyers connect. Without a gate nobody would read them.
func (t Topology) StatusAmongBuyers() bool { return t.Status == statusOn && t.GateDir != "" }

// StatusListen is where nginx listens for nothing but its counts; "": nowhere.
func (t Topology) StatusListen() string {
	if t.Status == statusOn || t.Status == statusOff {
		return ""
	}
	return t.Status
}

// OwnAddress is the address at which buyers connect, if it is one of this machine that is not loopback: from there the gate comes
// when it asks there. "": there is none.
func (t Topology) OwnAddress() string {
	host, _, err := net.SplitHostPort(t.Listen)
	ip, no := netip.ParseAddr(host)
	if err != nil || no != nil || ip.IsUnspecified() || ip.IsLoopback() {
		return ""
	}
	return ip.Unmap().String()
}

// StatusURL is where the gate asks for nginx' counts; "": nowhere.
func (t Topology) StatusURL() string {
	t = t.withDefaults()
	if at := t.StatusListen(); at != "" {
		return "http://" + at + StatusPath
	}
	if !t.StatusAmongBuyers() {
		return ""
	}
	host, port, _ := net.SplitHostPort(t.Listen)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if strings.Contains(t.Listen, "[") {
			host = "::1"
		}
	}
	scheme := "http://"
	if t.TLS != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port) + StatusPath
}
