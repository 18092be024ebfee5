"""Mail, calendar, drive and contacts as assistants reach them: one server in Google's style, one in Microsoft's."""

from author import tool

GMAIL = [
    tool("search_gmail_messages", "Searches messages in the user's Gmail account with Gmail's query operators and lists message and thread ids.", query="s! Gmail query, e.g. `from:anna is:unread`", page_size="i Number of results, default 10"),
    tool("get_gmail_message_content", "Retrieves the full content (subject, sender, recipients, plain text body) of one Gmail message.", message_id="s! The unique ID of the message"),
    tool("get_gmail_thread_content", "Retrieves the complete content of a Gmail conversation thread, all messages included.", thread_id="s! The unique ID of the thread"),
    tool("send_gmail_message", "Sends an email using the user's Gmail account. Supports new mails and replies.", to="s! Recipient email address", subject="s! Email subject", body="s! Email body, plain text or HTML", cc="s CC addresses", bcc="s BCC addresses", thread_id="s Thread to reply in", in_reply_to="s Message-ID that is replied to", attachments="as Paths or Drive ids of files to attach"),
    tool("draft_gmail_message", "Creates a draft email in the user's Gmail account; nothing is sent.", subject="s! Email subject", body="s! Email body", to="s Recipient email address", thread_id="s Thread to reply in"),
    tool("modify_gmail_message_labels", "Adds labels to or removes labels from a Gmail message. Archive by removing INBOX, delete by adding TRASH.", message_id="s! Message to change", add_label_ids="as Label ids to add", remove_label_ids="as Label ids to remove"),
    tool("batch_modify_gmail_message_labels", "Adds or removes labels of several Gmail messages in one request.", message_ids="as! Messages to change", add_label_ids="as Label ids to add", remove_label_ids="as Label ids to remove"),
    tool("list_gmail_labels", "Lists all labels in the user's Gmail account."),
    tool("manage_gmail_label", "Creates, updates or deletes a Gmail label.", action="e:create,update,delete! What to do", name="s Label name", label_id="s Label to update or delete"),
    tool("manage_gmail_filter", "Creates or deletes a mail filter (for instance automatic forwarding).", action="e:create,delete! What to do", criteria="o Which messages", filter_action="o What happens to them", filter_id="s Filter to delete"),
]
GCAL = [
    tool("list_calendars", "Retrieves a list of calendars accessible to the authenticated user."),
    tool("get_events", "Retrieves events from a Google Calendar within a time range.", calendar_id="s Calendar, default primary", time_min="s Start, RFC 3339", time_max="s End, RFC 3339", query="s Free text search", event_id="s A single event"),
    tool("create_event", "Creates a new event in a Google Calendar and invites its attendees.", summary="s! Event title", start_time="s! Start, RFC 3339", end_time="s! End, RFC 3339", calendar_id="s Calendar, default primary", description="s Event description", location="s Event location", attendees="as Attendee email addresses", add_google_meet="b Add a video call"),
    tool("modify_event", "Changes an existing event.", event_id="s! Event to change", calendar_id="s Calendar, default primary", summary="s New title", start_time="s New start", end_time="s New end", description="s New description", location="s New location", attendees="as New attendee list"),
    tool("delete_event", "Deletes an existing event.", event_id="s! Event to delete", calendar_id="s Calendar, default primary"),
    tool("query_freebusy", "Returns free/busy information for a set of calendars.", time_min="s! Start, RFC 3339", time_max="s! End, RFC 3339", calendar_ids="as Calendars or e-mail addresses"),
]
GDRIVE = [
    tool("search_drive_files", "Searches for files and folders in Google Drive, shared drives included.", query="s! Search words or a Drive query", page_size="i Number of results"),
    tool("get_drive_file_content", "Retrieves the content of a Drive file as text. Google formats are exported, PDF and Office files are converted.", file_id="s! Drive file ID"),
    tool("create_drive_file", "Creates a new file in Google Drive from text or from a public URL.", file_name="s! Name of the new file", content="s Content to write", folder_id="s Parent folder, default root", mime_type="s MIME type", fileUrl="s URL to fetch the content from"),
    tool("share_drive_file", "Gives a person or anyone with the link access to a Drive file.", file_id="s! File to share", share_with="s E-mail address", role="e:reader,commenter,writer Access level", share_type="e:user,group,domain,anyone Kind of grantee"),
    tool("modify_sheet_values", "Writes, updates or clears values in a range of a Google Sheet.", spreadsheet_id="s! Spreadsheet", range_name="s! Range in A1 notation", values="aas Rows of values", clear_values="b Clear instead of write"),
    tool("read_sheet_values", "Reads values from a range of a Google Sheet.", spreadsheet_id="s! Spreadsheet", range_name="s Range in A1 notation"),
    tool("modify_doc_text", "Inserts or replaces text in a Google Doc.", document_id="s! Document", start_index="i! Position", text="s Text to insert", end_index="i End position for a replacement"),
]
CONTACTS = [
    tool("search_contacts", "Searches the user's contacts by name, email or phone number.", query="s! Search text"),
    tool("get_contact", "Retrieves one contact with all fields.", contact_id="s! Contact resource id"),
    tool("create_contact", "Creates a new contact.", given_name="s! First name", family_name="s Last name", email="s Email address", phone="s Phone number", organization="s Company"),
]
OUTLOOK = [
    tool("list-mail-messages", "List messages of the signed-in user's mailbox.", filter="s OData filter", search="s Search text", top="i Page size", orderby="s Sort order"),
    tool("get-mail-message", "Get one message with its body.", messageId="s! Message id"),
    tool("send-mail", "Send a message. Format of `body`: Microsoft Graph sendMail request.", body="o! Graph `{message: {subject, body, toRecipients}, saveToSentItems}`"),
    tool("reply-mail-message", "Reply to the sender of a message.", messageId="s! Message id", comment="s! Text of the reply"),
    tool("forward-mail-message", "Forward a message.", messageId="s! Message id", toRecipients="as! Addresses", comment="s Text above the forwarded message"),
    tool("move-mail-message", "Move a message to another folder.", messageId="s! Message id", destinationId="s! Folder id or well-known name"),
    tool("delete-mail-message", "Delete a message.", messageId="s! Message id"),
    tool("list-mail-folders", "List the mail folders."),
    tool("create-mail-rule", "Create an inbox rule.", displayName="s! Name", conditions="o! Conditions", actions="o! Actions such as forwardTo or moveToFolder"),
    tool("list-calendar-events", "List events of the default calendar.", startDateTime="s From", endDateTime="s Until"),
    tool("create-calendar-event", "Create an event in the default calendar.", subject="s! Title", start="s! Start", end="s! End", attendees="as Addresses", body="s Text", location="s Place"),
    tool("list-teams", "List teams that the user is a member of."),
    tool("list-team-channels", "List the channels of a team.", teamId="s! Team id"),
    tool("list-channel-messages", "List messages of a channel.", teamId="s! Team id", channelId="s! Channel id"),
    tool("send-channel-message", "Send a message in a channel.", teamId="s! Team id", channelId="s! Channel id", content="s! Text"),
    tool("send-chat-message", "Send a message in a chat.", chatId="s! Chat id", content="s! Text"),
    tool("list-chats", "List the user's chats."),
    tool("get-user", "Find a person in the directory.", query="s! Name or address"),
    tool("list-folder-files", "List files of a OneDrive folder.", folder="s! Path"),
    tool("get-file-content", "Download the text of a OneDrive file.", path="s! Path"),
    tool("create-excel-chart", "Create a chart in a worksheet.", path="s! Workbook", sheet="s! Sheet", range="s! Source data", type="s! Kind of chart"),
]
