package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// replayWindow is how far a message's time may be from ours: what was recorded earlier proves nothing.
const replayWindow = 5 * time.Minute

var (
	errSecret    = errors.New("a webhook secret is whsec_ and 24 bytes or more in base64")
	errSignature = errors.New("bad_signature")
	errReplayed  = errors.New("bad_timestamp")
)

// message is a webhook, as far as the shop reads it.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Reservation string `json:"reservation"`
	} `json:"data"`
}

// receiver takes webhooks after the Standard Webhooks convention.
type receiver struct {
	secret  []byte
	records *records
	now     func() time.Time
}

func parseWebhookSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 {
		return nil, errSecret
	}
	return key, nil
}

// receive answers 204 when a message is kept, and 401 to one that nobody has signed for us now. Until it hears 2XX, the order
// worker sends a message again.
func (v receiver) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusBadRequest, errors.New("bad_request"))
		return
	}
	if err = v.verify(r.Header, body); err != nil {
		refuse(w, http.StatusUnauthorized, err)
		return
	}
	var m message
	if err = json.Unmarshal(body, &m); err != nil {
		refuse(w, http.StatusBadRequest, errors.New("bad_request"))
		return
	}
	v.records.take(r.Header.Get("webhook-id"), m)
	w.WriteHeader(http.StatusNoContent)
}

// verify checks a signature, and then the time that it signs. Of several signatures one must be good: secrets are exchanged so.
func (v receiver) verify(h http.Header, body []byte) error {
	if len(v.secret) == 0 {
		return errSignature
	}
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, v.secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	good := false
	for sent := range strings.FieldsSeq(h.Get("webhook-signature")) {
		good = hmac.Equal([]byte(sent), []byte(want)) || good
	}
	if !good {
		return errSignature
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || v.now().Sub(time.Unix(seconds, 0)).Abs() > replayWindow {
		return errReplayed
	}
	return nil
}
