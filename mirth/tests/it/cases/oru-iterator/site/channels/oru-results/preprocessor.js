message = message.replace('\n', '\r');
return message;