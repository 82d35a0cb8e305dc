/** How large a draft may be that is sent: ten thousand owners and three certificates. */
export const draftBytes = 4 * 1024 * 1024;
