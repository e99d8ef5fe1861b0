"""The post office: messages, boxes, drops and views."""
