// Every sentence script itself says, in one place for whoever translates them.

export const words = {
  cancelReply: "Cancel, write a new comment instead",
  charactersLeft: (count) => (count === 1 ? "1 character left" : `${count} characters left`),
  charactersOver: (count) => (count === 1 ? "1 character too many" : `${count} characters too many`),
  close: "Close",
  linkCopied: "Link copied",
  linkToSection: "Link to this section",
  menu: "Menu",
  moreReplies: "Show more replies",
  newComments: (count) => (count === 1 ? "1 new comment." : `${count} new comments.`),
  newComment: "Leave a comment",
  now: "just now",
  offline: "You’re offline. Your comment is kept in this browser until you post it.",
  reference: (number) => `Reference ${number}`,
  references: (first, last) => `References ${first}–${last}`,
  replyTo: (name) => `Reply to ${name}`,
  reported: "Reported",
  showThem: "Show them",
  restored: "This is what you had written before. It was kept in this browser.",
};
