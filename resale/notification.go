package resale

import "time"

// NotificationState is what became of a notification.
type NotificationState string

const (
	NotificationApplied NotificationState = "applied" // matched to its entitlement; Effect tells what it did
	NotificationParked  NotificationState = "parked"  // unreadable, or for nothing that we know: staff see and replay it
	NotificationWaiting NotificationState = "waiting" // stored, its effect could not be: tried again at Due
)

// Notification is one POST from Bango, stored as it came. The same one again only raises Copies.
type Notification struct {
	ID            string
	Digest        []byte // SHA-256 of token and body; unique
	Token         string // from the address, as it came
	BangoID       string // the entitlementId in it, empty where it could not be read
	EntitlementID string // empty where it belongs to none of ours
	Body          []byte
	State         NotificationState
	Effect        Effect // empty for a parked one
	Reason        string // Bango's notificationReason, or why it was parked
	Copies        int64
	Received      time.Time // first
	LastReceived  time.Time
	Attempts      int64     // at its effect, while and after it was Waiting
	Due           time.Time // while Waiting
}

// MaxNotification bounds a notification's body, in bytes.
const MaxNotification = 64 << 10
