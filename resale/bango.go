package resale

import "errors"

// readNotification reads what Bango posted.
func readNotification(body []byte) (Hint, error) { return Hint{}, errors.New("not wired yet") }
