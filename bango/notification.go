package bango

import (
	"errors"
	"fmt"
)

// MaxNotificationBytes is the longest notification that is read. Bango publishes no bound; its record has some 20 short fields.
const MaxNotificationBytes = 64 << 10

// Notification is what Bango POSTs to an entitlement's notificationUrl whenever the merchant or Bango changed it, also by our own
// request. It carries no id, no version and no signature, and may come more than once and out of order.
// src: resale/api-ref/notifications, Gen 2 bango-to-reseller
type Notification struct {
	ResponseCode    string     `json:"responseCode"`
	ResponseMessage string     `json:"responseMessage"`
	Parameters      Parameters `json:"parameters"`
	Reason          string     `json:"notificationReason"` // empty in the early form, which had none
	Record
}

// ParseNotification reads a notification leniently: fields may be null, missing or new. Only one that names no entitlement, or says
// nothing about it, is an error.
func ParseNotification(raw []byte) (Notification, error) {
	var n Notification
	if len(raw) > MaxNotificationBytes {
		return n, fmt.Errorf("it is longer than %d bytes", MaxNotificationBytes)
	}
	if err := decode(raw, &n); err != nil {
		return Notification{}, err
	}
	switch {
	case n.EntitlementID == "":
		return Notification{}, errors.New("it has no entitlementId")
	case n.Status == "" && n.Reason == "":
		return Notification{}, errors.New("it has neither a status nor a reason")
	case len(n.EntitlementID) > 200 || len(n.Status) > 40 || len(n.Reason) > 100:
		return Notification{}, errors.New("its entitlementId, status or reason is far too long")
	}
	return n, nil
}
