package handlers

import (
	"github.com/gofiber/fiber/v2"

	"latchkey/views"
)

func (a *App) listNotifications(c *fiber.Ctx) error {
	ctx := c.UserContext()
	page := views.NotificationsPage{Frame: a.frame(c), Refs: map[string]string{}}
	var err error
	if page.Notifications, err = a.store.Notifications(ctx, pageSize); err != nil {
		return err
	}
	for _, n := range page.Notifications {
		if err := a.addRef(ctx, page.Refs, n.EntitlementID); err != nil {
			return err
		}
	}
	return a.show(c, views.Notifications(page))
}

func (a *App) showNotification(c *fiber.Ctx) error {
	id, err := pathID(c, "notification")
	if err != nil {
		return err
	}
	page := views.NotificationPage{Frame: a.frame(c)}
	if page.Notification, err = a.store.Notification(c.UserContext(), id); err != nil {
		return err
	}
	if of := page.Notification.EntitlementID; of != "" {
		e, err := a.store.Entitlement(c.UserContext(), of)
		if err != nil {
			return err
		}
		page.Ref = e.Ref
	}
	return a.show(c, views.Notification(page))
}
