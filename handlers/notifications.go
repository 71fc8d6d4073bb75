package handlers

import (
	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// listNotifications shows what Bango sent, or with ?state=parked what a person has to look at.
func (a *App) listNotifications(c *fiber.Ctx) error {
	ctx := c.UserContext()
	state, err := query(c, "state")
	if err != nil {
		return err
	}
	page := views.NotificationsPage{Frame: a.frame(c), Parked: state == string(resale.NotificationParked), Refs: map[string]string{}}
	switch {
	case page.Parked:
		page.Notifications, err = a.store.ParkedNotifications(ctx, pageSize)
	case state == "":
		page.Notifications, err = a.store.Notifications(ctx, pageSize)
	default:
		return resale.Invalid("state", "%.40q is no filter of this list.", state)
	}
	if err != nil {
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
	page, err := a.notificationPage(c, id)
	if err != nil {
		return err
	}
	return a.show(c, views.Notification(page))
}

func (a *App) notificationPage(c *fiber.Ctx, id string) (views.NotificationPage, error) {
	page := views.NotificationPage{Frame: a.frame(c)}
	var err error
	if page.Notification, err = a.store.Notification(c.UserContext(), id); err != nil {
		return page, err
	}
	if of := page.Notification.EntitlementID; of != "" {
		e, err := a.store.Entitlement(c.UserContext(), of)
		if err != nil {
			return page, err
		}
		page.Ref = e.Ref
	}
	return page, nil
}

// replayNotification tries once more to do something with a parked notification.
func (a *App) replayNotification(c *fiber.Ctx) error {
	id, err := pathID(c, "notification")
	if err != nil {
		return err
	}
	_, err = a.service.Replay(c.UserContext(), resale.StaffActor(who(c)), id)
	if fault := faultOf(err); fault != nil {
		page, err := a.notificationPage(c, id)
		if err != nil {
			return err
		}
		page.Fault = fault
		return a.render(c, statusOf[fault.Code], views.Notification(page))
	}
	if err != nil {
		return err
	}
	return seeOther(c, "/notifications/"+id)
}
